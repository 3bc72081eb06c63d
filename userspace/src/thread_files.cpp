// SPDX-License-Identifier: MIT
#include "thread_files.hpp"

#include "above_stdio.hpp"
#include "process_generation.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

std::string_view read_again(const Fd& fd, std::span<char> buffer) {
    ssize_t length = fd ? pread(fd.get(), buffer.data(), buffer.size(), 0) : -1;
    return {buffer.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

Fd open_file(const std::string& path, int flags = 0) {
    return above_stdio(open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
}

Fd open_own(const std::string& name, int flags = 0) {
    return open_file("/proc/thread-self/" + name, flags);
}

/// Whether the thread that tells @p status of itself may enter other namespaces, or may take the
/// right to do so. No system call but an exec gives a right back that is not among these.
bool may_enter_namespaces(std::string_view status) {
    constexpr std::string_view name = "\nCapPrm:\t";
    std::size_t at = status.find(name);
    std::uint64_t permitted = 0;
    if (at == std::string_view::npos)
        return true;
    status.remove_prefix(at + name.size());
    auto [end, error] =
        std::from_chars(status.data(), status.data() + status.size(), permitted, 16);
    return error != std::errc() || (permitted >> CAP_SYS_ADMIN & 1) != 0;
}

/// The file is there in any case.
Fd open_label(const std::string& name) {
    Fd fd = open_own("attr/" + name);
    char byte;
    if (pread(fd.get(), &byte, 1, 0) < 0 && errno == EINVAL)
        return {};
    return fd;
}

}  // namespace

ThreadFiles::ThreadFiles()
    : status_(open_own("status")),
      cgroup_(open_own("cgroup")),
      oom_score_(open_own("oom_score_adj")),
      // It is a new one whenever the login user id is set.
      audit_session_(open_own("sessionid")),
      coredump_filter_(open_file("/proc/self/coredump_filter")),
      label_(open_label("current")),
      label_of_exec_(open_label("exec")),
      // Not to be read, which a process that is not dumpable may not.
      namespaces_(open_own("ns", O_DIRECTORY | O_PATH)) {
    char text[8192];
    pid_namespace_ = name_space("pid", text);
    if (may_enter_namespaces(status(text)))
        return;
    user_namespace_ = name_space(user_namespace, text);
    for (std::size_t i = 0; i < namespace_links.size(); ++i)
        first_namespaces_[i] = name_space(namespace_links[i], text);
}

bool ThreadFiles::is_alive() const {
    char byte;
    return !read_again(oom_score_, {&byte, 1}).empty();
}

std::string_view ThreadFiles::status(std::span<char> buffer) const {
    return read_again(status_, buffer);
}

std::string_view ThreadFiles::cgroup(std::span<char> buffer) const {
    return read_again(cgroup_, buffer);
}

std::string_view ThreadFiles::oom_score(std::span<char> buffer) const {
    return read_again(oom_score_, buffer);
}

std::string_view ThreadFiles::audit_session(std::span<char> buffer) const {
    return read_again(audit_session_, buffer);
}

std::string_view ThreadFiles::coredump_filter(std::span<char> buffer) const {
    return read_again(coredump_filter_, buffer);
}

std::string_view ThreadFiles::label(std::span<char> buffer) const {
    return read_again(label_, buffer);
}

std::string_view ThreadFiles::label_of_exec(std::span<char> buffer) const {
    return read_again(label_of_exec_, buffer);
}

std::string_view ThreadFiles::name_space(const char* name, std::span<char> buffer) const {
    ssize_t length = readlinkat(namespaces_.get(), name, buffer.data(), buffer.size());
    return {buffer.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

const ThreadFiles::NamespaceNames* ThreadFiles::unchanged_namespaces() const {
    char text[64];
    return !user_namespace_.empty() && name_space(user_namespace, text) == user_namespace_
               ? &first_namespaces_
               : nullptr;
}

std::shared_ptr<const ThreadFiles> KeptThreadFiles::own() {
    std::uint64_t process = process_generation();
    auto thread = static_cast<pid_t>(syscall(SYS_gettid));
    std::lock_guard lock(mutex_);
    auto found = std::ranges::find_if(
        kept_, [&](const Kept& kept) { return kept.process == process && kept.thread == thread; });
    if (found == kept_.end()) {
        if (kept_.size() == max_kept)
            kept_.erase(kept_.begin());
        kept_.push_back({process, thread, std::make_shared<const ThreadFiles>()});
    } else {
        std::rotate(found, found + 1, kept_.end());
        // They may be those of a thread that had this id and has ended.
        if (!kept_.back().files->is_alive())
            kept_.back().files = std::make_shared<const ThreadFiles>();
    }
    return kept_.back().files;
}

}  // namespace spawntpl::detail
