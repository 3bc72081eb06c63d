// SPDX-License-Identifier: MIT
#include "thread_files.hpp"

#include "above_stdio.hpp"
#include "process_generation.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

#include <fcntl.h>
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
      namespaces_(open_own("ns", O_DIRECTORY | O_PATH)) {}

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
