// SPDX-License-Identifier: MIT
#include <spawntpl/command.hpp>

#include <algorithm>
#include <utility>

#include <fcntl.h>

namespace spawntpl {

Command& Command::arg(std::string value) {
    args_.push_back(std::move(value));
    return *this;
}

Command& Command::args(std::vector<std::string> values) {
    args_ = std::move(values);
    return *this;
}

Command& Command::arg0(std::string value) {
    arg0_ = std::move(value);
    return *this;
}

Command& Command::env(std::vector<std::string> entries) {
    env_ = std::move(entries);
    return *this;
}

Command& Command::inherit_env() {
    env_.reset();
    return *this;
}

Command& Command::cwd(std::string path) {
    cwd_ = std::move(path);
    return *this;
}

Command& Command::fd(int target, int source) {
    return redirect({target, FromFd{source}});
}

Command& Command::file(int target, std::string path, int flags, mode_t mode) {
    return redirect({target, FromFile{std::move(path), flags, mode}});
}

Command& Command::null(int target) {
    return file(target, "/dev/null", O_RDWR);
}

Command& Command::close(int target) {
    return redirect({target, Closed{}});
}

Command& Command::inherit_fds(bool inherit) {
    inherit_fds_ = inherit;
    return *this;
}

Command& Command::signal_mask(SignalSet signals) {
    signal_mask_ = signals;
    return *this;
}

Command& Command::signal_defaults(SignalSet signals) {
    signal_defaults_ = signals;
    return *this;
}

Command& Command::redirect(Redirection redirection) {
    auto same = std::ranges::find(redirections_, redirection.target, &Redirection::target);
    if (same != redirections_.end())
        *same = std::move(redirection);
    else
        redirections_.push_back(std::move(redirection));
    return *this;
}

}  // namespace spawntpl
