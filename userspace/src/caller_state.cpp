// SPDX-License-Identifier: MIT
#include "caller_state.hpp"

#include <spawntpl/fd.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <fcntl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

/// A line of /proc/PID/status, in the order of the file.
struct StatusLine {
    std::string_view name;
    std::string_view description;  ///< empty for what can be set in a child
};

constexpr StatusLine status_lines[] = {
    {"Umask", ""},
    {"Uid", "user ids"},
    {"Gid", "group ids"},
    {"Groups", "supplementary groups"},
    {"NStgid", "pid namespace"},
    {"NSpgid", ""},
    {"NSsid", "session"},
    {"THP_enabled", "use of huge pages"},
    {"SigBlk", ""},
    {"SigIgn", ""},
    {"CapInh", "inheritable capabilities"},
    {"CapPrm", "capabilities"},
    {"CapEff", "effective capabilities"},
    {"CapBnd", "bounding set of capabilities"},
    {"CapAmb", "ambient capabilities"},
    {"NoNewPrivs", "no_new_privs"},
    {"Seccomp", "seccomp mode"},
    {"Seccomp_filters", "number of seccomp filters"},
    {"Speculation_Store_Bypass", "control of speculation"},
    {"SpeculationIndirectBranch", "control of speculation"},
    {"Cpus_allowed", "CPU affinity"},
    {"Mems_allowed", "memory nodes"},
};

// The namespaces that /proc/PID/ns has; a pid namespace for children, say, cannot be told else.
constexpr const char* namespaces[] = {
    "cgroup", "ipc", "mnt", "net", "pid_for_children", "time_for_children", "user", "uts"};

constexpr std::string_view more_descriptions[] = {
    "cgroup",
    "cgroup namespace",
    "IPC namespace",
    "mount namespace",
    "network namespace",
    "pid namespace",
    "time namespace",
    "user namespace",
    "UTS namespace",
    "OOM score adjustment",
    "personality",
    "securebits",
    "timer slack",
    "I/O priority",
    "memory write-execute protection",
    "scheduling",
    "stack limit",
    "descriptor limit",
};

std::string read_file(int directory, const char* name) {
    Fd fd(openat(directory, name, O_RDONLY | O_CLOEXEC));
    char text[8192];
    ssize_t length = fd ? ::read(fd.get(), text, sizeof(text)) : -1;
    return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

std::uint64_t number(std::string_view text, int base) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, base);
    return value;
}

/// The number of a process group in the innermost namespace.
std::string_view last_word(std::string_view text) {
    return text.substr(text.rfind('\t') + 1);
}

/// As sched_getattr(2) has it, in its first version.
std::string scheduling() {
    char attributes[48] = {};
    syscall(SYS_sched_getattr, 0, attributes, sizeof(attributes), 0);
    return std::string(attributes, sizeof(attributes));
}

}  // namespace

CallerState CallerState::read() {
    CallerState state;
    state.fixed_.reserve(std::size(status_lines) + std::size(more_descriptions));
    state.read_status();
    state.read_calls();
    return state;
}

std::string_view CallerState::difference(const CallerState& other) const {
    std::size_t i = 0;
    auto differs = [&] {
        bool result = fixed_[i] != other.fixed_[i];
        ++i;
        return result;
    };
    for (const StatusLine& line : status_lines)
        if (!line.description.empty() && differs())
            return line.description;
    for (std::string_view description : more_descriptions)
        if (differs())
            return description;
    return {};
}

void CallerState::read_status() {
    std::string text = read_file(AT_FDCWD, "/proc/thread-self/status");
    std::string_view rest = text;
    for (const StatusLine& wanted : status_lines) {
        // Older kernels do not have all of them.
        std::string_view value, search = rest;
        while (!search.empty()) {
            std::string_view line = search.substr(0, search.find('\n'));
            search.remove_prefix(std::min(search.size(), line.size() + 1));
            if (line.size() > wanted.name.size() && line.starts_with(wanted.name) &&
                line[wanted.name.size()] == ':') {
                value = line.substr(std::min(line.size(), wanted.name.size() + 2));
                rest = search;
                break;
            }
        }
        if (!wanted.description.empty())
            fixed_.emplace_back(value);
        else if (wanted.name == "Umask")
            umask = static_cast<mode_t>(number(value, 8));
        else if (wanted.name == "NSpgid")
            process_group = static_cast<pid_t>(number(last_word(value), 10));
        else if (wanted.name == "SigBlk")
            blocked = number(value, 16);
        else
            ignored = number(value, 16);
    }
}

void CallerState::read_calls() {
    Fd task(open("/proc/thread-self", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    fixed_.push_back(read_file(task.get(), "cgroup"));
    for (const char* name : namespaces) {
        char link[64];
        std::string path = std::string("ns/") + name;
        ssize_t length = readlinkat(task.get(), path.c_str(), link, sizeof(link));
        fixed_.emplace_back(link, length > 0 ? static_cast<std::size_t>(length) : 0);
    }
    fixed_.push_back(read_file(AT_FDCWD, "/proc/self/oom_score_adj"));
    constexpr unsigned long ask = 0xffffffff;
    fixed_.push_back(std::to_string(personality(ask)));
    fixed_.push_back(std::to_string(prctl(PR_GET_SECUREBITS)));
    fixed_.push_back(std::to_string(prctl(PR_GET_TIMERSLACK)));
    constexpr int of_process = 1;  // IOPRIO_WHO_PROCESS
    fixed_.push_back(std::to_string(syscall(SYS_ioprio_get, of_process, 0)));
    constexpr int get_mdwe = 66;  // PR_GET_MDWE of Linux 6.3
    fixed_.push_back(std::to_string(prctl(get_mdwe, 0, 0, 0, 0)));
    fixed_.push_back(scheduling());
    for (std::size_t i = 0; i < limits.size(); ++i)
        getrlimit(static_cast<__rlimit_resource_t>(i), &limits[i]);
    // The address space was laid out by the first, descriptors are numbered by the second.
    for (int resource : {RLIMIT_STACK, RLIMIT_NOFILE}) {
        const rlimit& limit = limits[static_cast<std::size_t>(resource)];
        fixed_.push_back(std::to_string(limit.rlim_cur) + ":" + std::to_string(limit.rlim_max));
    }
}

}  // namespace spawntpl::detail
