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

Command& Command::env(Environment environment) {
    env_ = std::make_shared<const Environment>(std::move(environment));
    return *this;
}

Command& Command::set_env(std::string name, std::string value) {
    env_changes_.emplace_back(std::move(name), std::move(value));
    return *this;
}

Command& Command::unset_env(std::string name) {
    env_changes_.emplace_back(std::move(name), std::nullopt);
    return *this;
}

Command& Command::cwd(std::string path) {
    directory_ = {AT_FDCWD, std::move(path)};
    return *this;
}

Command& Command::cwd_at(int dirfd, std::string path) {
    directory_ = {dirfd, std::move(path)};
    return *this;
}

Command& Command::umask(mode_t mask) {
    attributes_.umask = mask;
    return *this;
}

Command& Command::new_session() {
    attributes_.new_session = true;
    return *this;
}

Command& Command::process_group(pid_t group) {
    attributes_.process_group = group;
    return *this;
}

Command& Command::controlling_terminal(int fd) {
    attributes_.controlling_terminal = fd;
    return *this;
}

Command& Command::foreground(int fd) {
    attributes_.foreground_of = fd;
    return *this;
}

Command& Command::pseudo_terminal(WindowSize size) {
    attributes_.pseudo_terminal = size;
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

Command& Command::pipe_to_child(int target) {
    return redirect({target, FromPipe{.child_writes = false}});
}

Command& Command::pipe_from_child(int target) {
    return redirect({target, FromPipe{.child_writes = true}});
}

Command& Command::input(std::string bytes) {
    return redirect({STDIN_FILENO, FromData{std::move(bytes)}});
}

Command& Command::same_as(int target, int other) {
    return redirect({target, SameAs{other}});
}

Command& Command::close(int target) {
    return redirect({target, Closed{}});
}

Command& Command::inherit_fds(bool inherit) {
    inherit_fds_ = inherit;
    return *this;
}

Command& Command::limit(int resource, std::uint64_t soft, std::uint64_t hard) {
    std::erase_if(attributes_.limits,
                  [&](const ResourceLimit& limit) { return limit.resource == resource; });
    attributes_.limits.push_back({resource, soft, hard});
    return *this;
}

Command& Command::nice(int value) {
    attributes_.nice = value;
    return *this;
}

Command& Command::scheduler(int policy, int priority) {
    attributes_.scheduler = {policy, priority};
    return *this;
}

Command& Command::affinity(std::vector<int> cpus) {
    attributes_.affinity = std::move(cpus);
    return *this;
}

Command& Command::reset_ids() {
    attributes_.reset_ids = true;
    return *this;
}

Command& Command::groups(std::vector<gid_t> ids) {
    attributes_.groups = std::move(ids);
    return *this;
}

Command& Command::group(gid_t id) {
    attributes_.group = id;
    return *this;
}

Command& Command::user(uid_t id) {
    attributes_.user = id;
    return *this;
}

Command& Command::no_new_privileges() {
    attributes_.no_new_privileges = true;
    return *this;
}

Command& Command::parent_death_signal(int signal, ParentDeath of) {
    attributes_.parent_death_signal = {signal, of};
    return *this;
}

Command& Command::signal_defaults(SignalSet signals) {
    attributes_.signal_defaults = signals;
    return *this;
}

Command& Command::signal_mask(SignalSet signals) {
    attributes_.signal_mask = signals;
    return *this;
}

Command& Command::cgroup(int fd) {
    attributes_.cgroup = fd;
    return *this;
}

Command& Command::namespaces(int flags) {
    attributes_.namespaces = flags;
    return *this;
}

Command& Command::return_early() {
    attributes_.return_early = true;
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
