// SPDX-License-Identifier: MIT
#include "process_tree.hpp"

#include "process_stat.hpp"

#include <spawntpl/fd.hpp>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <ranges>
#include <set>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

constexpr int most_tries = 100;

std::vector<pid_t> all_processes() {
    std::vector<pid_t> pids;
    if (!proc_is_ours())
        return pids;
    DIR* directory = opendir("/proc");
    while (directory) {
        const dirent* entry = readdir(directory);
        if (!entry)
            break;
        std::string_view name(entry->d_name);
        pid_t pid = 0;
        auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (error == std::errc() && end == name.data() + name.size())
            pids.push_back(pid);
    }
    if (directory)
        closedir(directory);
    return pids;
}

class Tree {
public:
    /// Whoever calls this has not waited for @p root, so its number is its own and its group's.
    explicit Tree(pid_t root) : root_(root) {
        if (getpgid(root) == root)
            groups_.insert(root);
    }

    /// Stops and adds those that are not known yet, and the groups that they lead; whether there
    /// were any.
    bool grow() {
        bool grown = false;
        for (pid_t pid : all_processes()) {
            if (!is_new_member(read_stat(pid), pid))
                continue;
            Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
            // Now the number cannot become another's: it is the same process as before or not.
            auto stat = read_stat(pid);
            if (!pidfd || !is_new_member(stat, pid))
                continue;
            send(pidfd, SIGSTOP);
            if (stat->group == pid) {
                groups_.insert(pid);
                send_group(pid, SIGSTOP);
            }
            members_.emplace(pid, std::move(pidfd));
            grown = true;
        }
        return grown;
    }

    /// Whether all stand still. One that was in a fork when it was told to stop finishes that
    /// first, and has the child then.
    bool is_still() const {
        auto moves = [](pid_t pid) {
            auto stat = read_stat(pid);
            return stat && (stat->state == 'R' || stat->state == 'S');
        };
        return !moves(root_) && std::ranges::none_of(std::views::keys(members_), moves);
    }

    /// A group gets a signal as a whole, with those that are being born into it: processes that
    /// fork and end at once, over and over, are not to be had one by one.
    void send_groups(int signal) const {
        for (pid_t group : groups_)
            send_group(group, signal);
    }

    void send_members(int signal) const {
        for (const auto& [pid, pidfd] : members_)
            send(pidfd, signal);
    }

private:
    static void send(const Fd& pidfd, int signal) {
        syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0);
    }

    static void send_group(pid_t group, int signal) {
        if (group != getpgrp())
            kill(-group, signal);
    }

    bool is_member(pid_t pid) const { return pid == root_ || members_.contains(pid); }

    bool is_new_member(const std::optional<ProcessStat>& stat, pid_t pid) const {
        if (!stat || stat->has_ended() || is_member(pid) || pid == getpid())
            return false;
        return is_member(stat->parent) || is_member(stat->group) || is_member(stat->session);
    }

    pid_t root_;
    std::map<pid_t, Fd> members_;
    std::set<pid_t> groups_;  ///< that the root or a member leads
};

}  // namespace

void signal_descendants(pid_t root, int signal) {
    Tree tree(root);
    tree.send_groups(SIGSTOP);
    // Not for ever: what this program may not signal does not stop.
    int tries = most_tries;
    do {
        while (tree.grow()) {
        }
    } while (!tree.is_still() && --tries > 0 && sched_yield() == 0);
    while (tree.grow()) {
    }
    tree.send_groups(signal);
    tree.send_members(signal);
    if (signal != SIGKILL) {
        tree.send_groups(SIGCONT);
        tree.send_members(SIGCONT);
    }
}

}  // namespace spawntpl::detail
