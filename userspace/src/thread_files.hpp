// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/fd.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace spawntpl::detail {

/// The links in /proc/PID/ns that tell of what a thread can change.
inline constexpr std::array namespace_links = {"pid_for_children",  "cgroup", "ipc", "mnt", "net",
                                               "time_for_children", "user",   "uts"};
inline constexpr const char* user_namespace = "user";

/// The files of /proc that tell of the thread that opens them: to read one again costs a third of
/// what it costs to open it.
class ThreadFiles {
public:
    using NamespaceNames = std::array<std::string, namespace_links.size()>;

    /// Of the calling thread.
    ThreadFiles();

    /// Whether that thread has not ended.
    bool is_alive() const;

    /// What is in a file, as far as it fits into @p buffer; empty if it cannot be read.
    std::string_view status(std::span<char> buffer) const;
    std::string_view cgroup(std::span<char> buffer) const;
    std::string_view oom_score(std::span<char> buffer) const;
    std::string_view audit_session(std::span<char> buffer) const;
    std::string_view coredump_filter(std::span<char> buffer) const;
    std::string_view label(std::span<char> buffer) const;
    std::string_view label_of_exec(std::span<char> buffer) const;

    /// The pid namespace that the thread is in for all its life; empty if it cannot be read.
    const std::string& pid_namespace() const { return pid_namespace_; }

    /// What a link in the directory "ns" says.
    std::string_view name_space(const char* name, std::span<char> buffer) const;

    /// What each of the namespace_links said first; null if they may say something else now. Who
    /// may not enter another namespace can do so only by way of a user namespace, which nobody
    /// comes back from: where that is the same, all are.
    const NamespaceNames* unchanged_namespaces() const;

private:
    Fd status_;
    Fd cgroup_;
    Fd oom_score_;
    Fd audit_session_;
    Fd coredump_filter_;
    Fd label_;
    Fd label_of_exec_;
    Fd namespaces_;
    std::string pid_namespace_;
    std::string user_namespace_;  ///< empty: the thread may enter others
    NamespaceNames first_namespaces_;
};

/// Those of the last few threads that have asked for theirs: six descriptors of each, eight where
/// the kernel has security labels. Shared by threads.
class KeptThreadFiles {
public:
    /// Of the calling thread of this process, which may be a copy of one that has asked.
    std::shared_ptr<const ThreadFiles> own();

private:
    struct Kept {
        std::uint64_t process;  ///< see process_generation()
        pid_t thread;
        std::shared_ptr<const ThreadFiles> files;
    };

    static constexpr std::size_t max_kept = 4;

    std::mutex mutex_;
    std::vector<Kept> kept_;  ///< the latest at the end
};

}  // namespace spawntpl::detail
