// SPDX-License-Identifier: MIT
#include "caller_state.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <utility>

#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
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
    {"Cpus_allowed", ""},
    {"Mems_allowed", "memory nodes"},
};

constexpr std::size_t pid_for_children = 0;  ///< of the namespace_links

constexpr std::string_view more_descriptions[] = {
    "cgroup",
    // Of the namespace_links.
    "pid namespace of the children",
    "cgroup namespace",
    "IPC namespace",
    "mount namespace",
    "network namespace",
    "time namespace",
    "user namespace",
    "UTS namespace",
    "OOM score adjustment",
    "audit session",
    "core dump filter",
    "security label",
    "security label of the next program",
    "root directory",
    "session keyring",
    "memory policy",
    "scheduling",
    "core scheduling cookie",
    "right to read the time stamp counter",
    "personality",
    "I/O priority",
    "securebits",
    "timer slack",
    "memory write-execute protection",
    "merging of equal pages",
    "handling of memory failures",
    "state of an I/O flusher",
    "control of speculation",
    "stack limit",
    "descriptor limit",
    "process limit",
    "address space limit",
    "data limit",
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

/// Whether one process is before another one for the scheduler.
bool is_above(const SchedulerOperand& one, const SchedulerOperand& other) {
    auto rank = [](const SchedulerOperand& operand) {
        if (operand.policy == SCHED_FIFO || operand.policy == SCHED_RR)
            return 2;
        return operand.policy == SCHED_IDLE ? 0 : 1;
    };
    if (rank(one) != rank(other))
        return rank(one) > rank(other);
    return one.priority > other.priority || one.nice < other.nice;
}

/// A number, or the error that it cannot be had for.
std::uint64_t answer(long result) {
    return static_cast<std::uint64_t>(result >= 0 ? result : -long{errno});
}

/// The serial number of the session keyring of the calling thread.
std::uint64_t session_keyring() {
    auto keyring = [](int special) {
        return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, special, 0, 0, 0);
    };
    // To ask for the session keyring of a thread that has none gives it its user's, and those it
    // starts as other users would have that, too. Where the user's is found by its name, it is the
    // thread's, or would be.
    char name[32] = "_uid_ses.";
    constexpr std::size_t prefix = 9;
    *std::to_chars(name + prefix, std::end(name) - 1, getuid()).ptr = '\0';
    auto find = [&] { return syscall(SYS_request_key, "keyring", name, nullptr, 0); };
    if (long found = find(); found > 0)
        return answer(found);
    // It may not exist yet.
    if (keyring(KEY_SPEC_USER_SESSION_KEYRING) < 0)
        return answer(-1);
    if (long found = find(); found > 0)
        return answer(found);
    return answer(keyring(KEY_SPEC_SESSION_KEYRING));
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
    // A child can go down without privileges, but not up.
    if (scheduler_is_inherited && is_above(scheduler, other.scheduler))
        return "scheduling";
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

std::string_view CallerState::difference_of_settable(const CallerState& other) const {
    if (umask != other.umask)
        return "file mode mask";
    if (process_group != other.process_group)
        return "process group";
    if (!std::ranges::equal(limits, other.limits, [](const rlimit& one, const rlimit& two) {
            return one.rlim_cur == two.rlim_cur && one.rlim_max == two.rlim_max;
        }))
        return "limits";
    if (cpus != other.cpus)
        return "CPU affinity";
    if (scheduler_is_inherited && !same_scheduler(scheduler, other.scheduler))
        return "scheduling";
    return {};
}

void CallerState::take_settable_of(pid_t process, std::string_view status) {
    umask = static_cast<mode_t>(number(last_word(find_line(status, "Umask")), 8));
    process_group = static_cast<pid_t>(number(last_word(find_line(status, "NSpgid")), 10));
    cpus = last_word(find_line(status, "Cpus_allowed"));
    syscall(SYS_sched_getattr, process, &scheduler, sizeof(scheduler), 0);
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
        else if (found->name == "Cpus_allowed")
            cpus = value;
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
    const auto* kept = files.unchanged_namespaces();
    for (std::size_t i = 0; i < namespace_links.size(); ++i) {
        std::string_view name = kept ? (*kept)[i] : files.name_space(namespace_links[i], text);
        // Nothing can be started in one that has no first process yet, or has lost it; and who
        // starts something else there first makes that its first process.
        if (i == pid_for_children && name != check(files.pid_namespace()))
            why_never_ = "the caller's children are born in another pid namespace";
        add_text(name);
    }
    add_text(check(files.oom_score(text)));
    // Not all kernels have these.
    add_text(files.audit_session(text));
    add_text(files.coredump_filter(text));
    add_text(files.label(text));
    add_text(files.label_of_exec(text));
}

void CallerState::read_calls() {
    struct statx root {};
    statx(AT_FDCWD, "/", AT_NO_AUTOMOUNT, STATX_INO | STATX_MNT_ID, &root);
    const std::uint64_t identity[] = {root.stx_dev_major, root.stx_dev_minor, root.stx_ino,
                                      root.stx_mnt_id};
    add_text({reinterpret_cast<const char*>(identity), sizeof(identity)});

    add_number(session_keyring());
    int policy = 0;
    unsigned long nodes[16] = {};  // as many as there can be
    syscall(SYS_get_mempolicy, &policy, nodes, sizeof(nodes) * CHAR_BIT, nullptr, 0);
    fixed_.append(reinterpret_cast<const char*>(nodes), sizeof(nodes));
    add_number(static_cast<std::uint64_t>(policy));

    // As sched_getattr(2) has it, with the limits of utilisation.
    struct {
        SchedulerOperand first;
        std::uint32_t utilisation[2];
    } scheduling{};
    syscall(SYS_sched_getattr, 0, &scheduling, sizeof(scheduling), 0);
    scheduler = scheduling.first;
    constexpr std::uint64_t reset_on_fork = 1;
    scheduler_is_inherited =
        scheduler.policy != SCHED_DEADLINE && (scheduler.flags & reset_on_fork) == 0;
    if (scheduler_is_inherited)
        scheduling.first.policy = scheduling.first.priority =
            static_cast<std::uint32_t>(scheduling.first.nice = 0);
    add_text({reinterpret_cast<const char*>(&scheduling), sizeof(scheduling)});
    std::uint64_t cookie = 0;
    prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, 0, 0, &cookie);
    add_number(cookie);
    int time_stamp_counter = 0;
    prctl(PR_GET_TSC, &time_stamp_counter);
    add_number(static_cast<std::uint64_t>(time_stamp_counter));

    constexpr unsigned long ask = 0xffffffff;
    constexpr int of_process = 1;  // IOPRIO_WHO_PROCESS
    add_number(static_cast<std::uint64_t>(personality(ask)));
    add_number(answer(syscall(SYS_ioprio_get, of_process, 0)));
    for (auto [option, argument] : {std::pair(PR_GET_SECUREBITS, 0),
                                    {PR_GET_TIMERSLACK, 0},
                                    {66, 0},  // PR_GET_MDWE of Linux 6.3
                                    {68, 0},  // PR_GET_MEMORY_MERGE of Linux 6.4
                                    {PR_MCE_KILL_GET, 0},
                                    {PR_GET_IO_FLUSHER, 0},
                                    {PR_GET_SPECULATION_CTRL, PR_SPEC_L1D_FLUSH}})
        add_number(answer(prctl(option, static_cast<unsigned long>(argument), 0, 0, 0)));

    // Not prlimit(2), which looks for the process first.
    for (std::size_t i = 0; i < limits.size(); ++i)
        syscall(SYS_getrlimit, i, &limits[i]);
    // An exec lays out and checks its memory by them, descriptors are numbered by one of them, and
    // the template process needs what one of them forbids.
    for (int resource : {RLIMIT_STACK, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_AS, RLIMIT_DATA})
        add_text({reinterpret_cast<const char*>(&limits[static_cast<std::size_t>(resource)]),
                  sizeof(rlimit)});
}

}  // namespace spawntpl::detail
