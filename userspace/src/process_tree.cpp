// SPDX-License-Identifier: MIT
#include "process_tree.hpp"

#include <spawntpl/fd.hpp>

#include <charconv>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

std::optional<Relations> read_relations(pid_t pid) {
    std::string path = "/proc/" + std::to_string(pid) + "/stat";
    Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char buffer[512];
    ssize_t length = file ? read(file.get(), buffer, sizeof(buffer)) : -1;
    if (length <= 0)
        return std::nullopt;
    return parse_relations({buffer, static_cast<std::size_t>(length)});
}

std::vector<pid_t> all_processes() {
    std::vector<pid_t> pids;
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

    /// Adds those that are not known yet; whether there were any. Sends them, and the groups that
    /// they lead, @p signal, if it is not 0.
    bool grow(int signal) {
        bool grown = false;
        for (pid_t pid : all_processes()) {
            if (!is_new_member(read_relations(pid), pid))
                continue;
            Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
            // Now the number cannot become another's: it is the same process as before or not.
            auto relations = read_relations(pid);
            if (!pidfd || !is_new_member(relations, pid))
                continue;
            if (signal != 0)
                send(pidfd, signal);
            if (signal != 0 && relations->group == pid) {
                groups_.insert(pid);
                send_group(pid, signal);
            }
            members_.emplace(pid, std::move(pidfd));
            grown = true;
        }
        return grown;
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

    bool is_new_member(const std::optional<Relations>& relations, pid_t pid) const {
        if (!relations || is_member(pid) || pid == getpid())
            return false;
        return is_member(relations->parent) || is_member(relations->group) ||
               is_member(relations->session);
    }

    pid_t root_;
    std::map<pid_t, Fd> members_;
    std::set<pid_t> groups_;  ///< that the root or a member leads
};

}  // namespace

std::optional<Relations> parse_relations(std::string_view stat) {
    // The second field is the name, which may contain anything but is the only one in parentheses.
    std::size_t end_of_name = stat.rfind(')');
    if (end_of_name == std::string_view::npos)
        return std::nullopt;
    stat.remove_prefix(end_of_name + 1);
    if (stat.size() < 2 || stat[0] != ' ' || stat[1] == 'Z' || stat[1] == 'X')
        return std::nullopt;

    pid_t values[3];
    stat.remove_prefix(2);
    for (pid_t& value : values) {
        if (!stat.starts_with(' '))
            return std::nullopt;
        auto [end, error] = std::from_chars(stat.data() + 1, stat.data() + stat.size(), value);
        if (error != std::errc())
            return std::nullopt;
        stat.remove_prefix(static_cast<std::size_t>(end - stat.data()));
    }
    return Relations{values[0], values[1], values[2]};
}

void signal_descendants(pid_t root, int signal) {
    Tree tree(root);
    while (tree.grow(0)) {
    }
    tree.send_members(signal);
}

void stop_and_signal_descendants(pid_t root, int signal) {
    Tree tree(root);
    tree.send_groups(SIGSTOP);
    while (tree.grow(SIGSTOP)) {
    }
    tree.send_groups(signal);
    tree.send_members(signal);
}

}  // namespace spawntpl::detail
