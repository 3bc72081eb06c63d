// SPDX-License-Identifier: MIT
#include "caller_state.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <fcntl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
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
    {"Speculation_Store_Bypass", "control of speculation"},
    {"SpeculationIndirectBranch", "control of speculation"},
    {"Cpus_allowed", "CPU affinity"},
    {"Mems_allowed", "memory nodes"},
};

// The namespaces that /proc/PID/ns has and that only links tell of.
constexpr const char* namespaces[] = {"cgroup", "ipc", "mnt", "net", "time_for_children",
                                      "user",   "uts"};

constexpr std::string_view more_descriptions[] = {
    "cgroup",          "cgroup namespace",  "IPC namespace",
    "mount namespace", "network namespace", "time namespace",
    "user namespace",  "UTS namespace",     "OOM score adjustment",
    "root directory",  "personality",       "securebits",
    "timer slack",     "I/O priority",      "memory write-execute protection",
    "scheduling",      "stack limit",       "descriptor limit",
};

std::uint64_t number(std::string_view text, int base) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, base);
    return value;
}

/// The number of a process group in the innermost namespace.
std::string_view last_word(std::string_view text) {
    return text.substr(text.rfind('\t') + 1);
}

/// Up to the next line, which is left in @p text.
std::string_view take_line(std::string_view& text) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line;
}

bool has_name(std::string_view line, std::string_view name) {
    return line.size() > name.size() && line[name.size()] == ':' && line.starts_with(name);
}

/// Empty if there is none.
std::string_view find_line(std::string_view text, std::string_view name) {
    while (!text.empty())
        if (std::string_view line = take_line(text); has_name(line, name))
            return line;
    return {};
}

}  // namespace

CallerState CallerState::read(const ThreadFiles& files) {
    static_assert(std::size(status_lines) + std::size(more_descriptions) <= max_parts);
    constexpr std::size_t usual_size = 2048;
    CallerState state;
    state.fixed_.reserve(usual_size);
    state.read_files(files);
    state.read_calls();
    return state;
}

std::string_view CallerState::difference(const CallerState& other) const {
    if (fixed_ == other.fixed_ && ends_ == other.ends_)
        return {};
    std::size_t part = 0, begin = 0, other_begin = 0;
    auto differs = [&] {
        std::size_t end = ends_[part], other_end = other.ends_[part];
        bool result = std::string_view(fixed_).substr(begin, end - begin) !=
                      std::string_view(other.fixed_).substr(other_begin, other_end - other_begin);
        ++part;
        begin = end;
        other_begin = other_end;
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

std::string_view CallerState::difference_of_status(std::string_view own, std::string_view other) {
    for (const StatusLine& line : status_lines)
        // Two processes are in one namespace with different numbers.
        if (!line.description.empty() && line.name != "NStgid" &&
            find_line(own, line.name) != find_line(other, line.name))
            return line.description;
    return {};
}

void CallerState::take_settable_of(pid_t process, std::string_view status) {
    umask = static_cast<mode_t>(number(last_word(find_line(status, "Umask")), 8));
    process_group = static_cast<pid_t>(number(last_word(find_line(status, "NSpgid")), 10));
    for (std::size_t i = 0; i < limits.size(); ++i)
        prlimit(process, static_cast<__rlimit_resource>(i), nullptr, &limits[i]);
}

void CallerState::add_text(std::string_view text) {
    fixed_.append(text);
    end_part();
}

void CallerState::add_number(std::uint64_t number) {
    fixed_.append(reinterpret_cast<const char*>(&number), sizeof(number));
    end_part();
}

void CallerState::read_status(std::string_view text) {
    const StatusLine* wanted = std::begin(status_lines);
    auto skip_to = [&](const StatusLine* next) {
        // Older kernels do not have all of them.
        for (; wanted != next; ++wanted)
            if (!wanted->description.empty())
                end_part();
    };
    while (!text.empty() && wanted != std::end(status_lines)) {
        std::string_view line = take_line(text);
        const StatusLine* found =
            std::find_if(wanted, std::end(status_lines),
                         [&](const StatusLine& one) { return has_name(line, one.name); });
        if (found == std::end(status_lines))
            continue;
        skip_to(found);
        ++wanted;
        std::string_view value = line.substr(std::min(line.size(), found->name.size() + 2));
        if (found->name == "NoNewPrivs" && value != "0")
            why_never_ =
                "the caller has no_new_privs, and may be in a sandbox that nothing tells of";
        else if (found->name == "Seccomp" && value != "0")
            why_never_ = "the caller has seccomp filters, which cannot be compared";
        if (!found->description.empty())
            add_text(value);
        else if (found->name == "Umask")
            umask = static_cast<mode_t>(number(value, 8));
        else if (found->name == "NSpgid")
            process_group = static_cast<pid_t>(number(last_word(value), 10));
        else if (found->name == "SigBlk")
            blocked = number(value, 16);
        else if (found->name == "SigIgn")
            ignored = number(value, 16);
    }
    skip_to(std::end(status_lines));
}

void CallerState::read_files(const ThreadFiles& files) {
    char text[8192];
    auto check = [&](std::string_view read) {
        if (read.empty() || read.size() == sizeof(text))
            why_never_ = "the caller's files in /proc cannot be read as a whole";
        return read;
    };
    read_status(check(files.status(text)));
    std::string_view cgroup = files.cgroup(text);
    // There are kernels without any.
    add_text(cgroup.empty() ? cgroup : check(cgroup));
    // Nothing can be started in one that has no first process yet, or has lost it; and who starts
    // something else there first makes that its first process.
    std::string own(check(files.name_space("pid", text)));
    if (files.name_space("pid_for_children", text) != own)
        why_never_ = "the caller's children are born in another pid namespace";
    for (const char* name : namespaces)
        add_text(files.name_space(name, text));
    add_text(check(files.oom_score(text)));
}

void CallerState::read_calls() {
    struct statx root {};
    statx(AT_FDCWD, "/", AT_NO_AUTOMOUNT, STATX_INO | STATX_MNT_ID, &root);
    const std::uint64_t identity[] = {root.stx_dev_major, root.stx_dev_minor, root.stx_ino,
                                      root.stx_mnt_id};
    add_text({reinterpret_cast<const char*>(identity), sizeof(identity)});

    constexpr unsigned long ask = 0xffffffff;
    constexpr int of_process = 1;  // IOPRIO_WHO_PROCESS
    constexpr int get_mdwe = 66;   // PR_GET_MDWE of Linux 6.3
    add_number(static_cast<std::uint64_t>(personality(ask)));
    add_number(static_cast<std::uint64_t>(prctl(PR_GET_SECUREBITS)));
    add_number(static_cast<std::uint64_t>(prctl(PR_GET_TIMERSLACK)));
    add_number(static_cast<std::uint64_t>(syscall(SYS_ioprio_get, of_process, 0)));
    add_number(static_cast<std::uint64_t>(prctl(get_mdwe, 0, 0, 0, 0)));

    // As sched_getattr(2) has it, in its first version.
    char scheduling[48] = {};
    syscall(SYS_sched_getattr, 0, scheduling, sizeof(scheduling), 0);
    add_text({scheduling, sizeof(scheduling)});

    // Not prlimit(2), which looks for the process first.
    for (std::size_t i = 0; i < limits.size(); ++i)
        syscall(SYS_getrlimit, i, &limits[i]);
    // The address space was laid out by the first, descriptors are numbered by the second.
    for (int resource : {RLIMIT_STACK, RLIMIT_NOFILE})
        add_text({reinterpret_cast<const char*>(&limits[static_cast<std::size_t>(resource)]),
                  sizeof(rlimit)});
}

}  // namespace spawntpl::detail
