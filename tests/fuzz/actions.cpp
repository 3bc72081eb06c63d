// SPDX-License-Identifier: MIT
//
// The list of what a child does, against a model that knows only what a Command promises.
#include "actions.hpp"

#include "fuzz.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace spawntpl::fuzz {

namespace {

// Targets and the caller's own descriptors are the standard three and these, of which the caller
// has every second one; the numbers between are the fuzzer's.
constexpr int first = 100;
constexpr int last = 116;

/// Above are files that a Command can open, one for each target.
constexpr int to_file = 200;

int descriptor(Input& input) {
    int number = input.number(3 + last - first + 1);
    return number < 3 ? number : first + number - 3;
}

bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

/// What a descriptor refers to: each that is made here is another file.
using File = std::pair<dev_t, ino_t>;

std::optional<File> file_of(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 ? std::optional(File(status.st_dev, status.st_ino))
                                   : std::nullopt;
}

void open_at(int number) {
    Fd file(memfd_create("fuzz", MFD_CLOEXEC));
    if (file.get() == number)
        file.release();
    else
        dup3(file.get(), number, O_CLOEXEC);
}

void set_descriptors_up() {
    for (int fd = first; fd <= last; fd += 2)
        open_at(fd);
    for (int target = 0; target <= last; ++target)
        open_at(to_file + target);
}

void add_redirection(Input& input, Command& command) {
    int target = descriptor(input);
    switch (input.number(8)) {
    case 0:
        command.file(target, "/proc/self/fd/" + std::to_string(to_file + target), O_RDONLY);
        break;
    case 1:
        command.pipe_from_child(target);
        break;
    case 2:
        command.input(input.text());
        break;
    case 3:
        command.close(target);
        break;
    case 4:
        command.same_as(target, descriptor(input));
        break;
    default:
        command.fd(target, descriptor(input));
    }
}

void add_attribute(Input& input, Command& command) {
    switch (input.number(14)) {
    case 0:
        command.umask(static_cast<mode_t>(input.number(256)));
        break;
    case 1:
        command.new_session();
        break;
    case 2:
        command.process_group(input.number(256));
        break;
    case 3:
        command.foreground(descriptor(input));
        break;
    case 4:
        command.limit(input.number(16), static_cast<std::uint64_t>(input.number(256)),
                      static_cast<std::uint64_t>(input.number(256)));
        break;
    case 5:
        command.nice(input.number(40) - 20);
        break;
    case 6:
        command.scheduler(SCHED_BATCH, input.number(3));
        break;
    case 7:
        command.affinity({input.number(256), input.number(256)});
        break;
    case 8:
        command.groups({1, 2}).group(static_cast<gid_t>(input.number(256)));
        break;
    case 9:
        command.user(static_cast<uid_t>(input.number(256)));
        break;
    case 10:
        command.no_new_privileges().reset_ids();
        break;
    case 11:
        command.parent_death_signal(input.number(65), ParentDeath::thread);
        break;
    case 12:
        command.signal_mask({input.number(65), input.number(65)});
        break;
    case 13:
        command.signal_defaults({input.number(65)}).cwd("/");
        break;
    }
}

const Redirection* find(const Command& command, int target) {
    auto found = std::ranges::find(command.redirections(), target, &Redirection::target);
    return found == command.redirections().end() ? nullptr : &*found;
}

/// What a descriptor of the child is to refer to.
struct Referent {
    enum Kind { nothing, caller, opened, wrong } kind;
    int of = -1;  ///< the caller's descriptor, or the child's for which something was opened

    bool operator==(const Referent&) const = default;
};

Referent referent(const Command& command, int target, int depth = 0) {
    const Redirection* redirection = find(command, target);
    if (!redirection) {
        bool has_it = is_open(target) && target <= STDERR_FILENO;
        return depth == 0 || has_it ? Referent{Referent::caller, target}
                                    : Referent{Referent::wrong};
    }
    if (const auto* from = std::get_if<FromFd>(&redirection->source))
        return is_open(from->fd) ? Referent{Referent::caller, from->fd} : Referent{Referent::wrong};
    if (std::get_if<Closed>(&redirection->source))
        return {depth == 0 ? Referent::nothing : Referent::wrong};
    if (const auto* same = std::get_if<SameAs>(&redirection->source))
        return depth > last ? Referent{Referent::wrong}
                            : referent(command, same->target, depth + 1);
    return {Referent::opened, target};
}

using Table = std::map<int, std::optional<File>>;

/// What the actions make of the caller's table.
Table carry_out(std::span<const spawn_template_action> actions) {
    Table table;
    auto refers_to = [&](int fd) { return table.contains(fd) ? table[fd] : file_of(fd); };
    for (const spawn_template_action& action : actions) {
        if (action.type == SPAWN_TEMPLATE_DUP2) {
            table[action.newfd] = refers_to(action.fd);
            require(table[action.newfd].has_value(), "a move reads what is open");
        } else {
            require(action.type == SPAWN_TEMPLATE_CLOSE, "descriptors are moved and closed");
            table[action.fd] = std::nullopt;
        }
    }
    return table;
}

void check_descriptors(const Command& command, const detail::ActionList& actions,
                       const std::map<int, Referent>& expected) {
    Table table = carry_out(actions.fds());
    std::map<int, File> opened;
    for (const Redirection& redirection : command.redirections()) {
        int target = redirection.target;
        require(table.contains(target), "no redirection is forgotten");
        const Referent& wanted = expected.at(target);
        std::optional<File> found = table[target];
        if (wanted.kind == Referent::nothing)
            require(!found, "it is closed");
        else if (wanted.kind == Referent::caller)
            require(found == file_of(wanted.of), "it is the caller's descriptor");
        else
            require(found && opened.try_emplace(wanted.of, *found).first->second == *found,
                    "it is what was opened for it");
        table.erase(target);
    }
    require(table.empty(), "nothing else is changed");
    std::set<File> different;
    for (const auto& [of, file] : opened)
        require(different.insert(file).second, "each file is one of its own");
}

std::vector<std::uint32_t> expected_types(const Attributes& attributes, bool has_directory,
                                          bool before_fds) {
    std::vector<std::uint32_t> types;
    auto add = [&](bool wanted, std::uint32_t type) {
        if (wanted)
            types.push_back(type);
    };
    if (before_fds) {
        add(has_directory, SPAWN_TEMPLATE_FCHDIR);
        add(attributes.umask.has_value(), SPAWN_TEMPLATE_UMASK);
        add(attributes.new_session, SPAWN_TEMPLATE_SETSID);
        add(attributes.process_group.has_value(), SPAWN_TEMPLATE_SETPGID);
        add(attributes.foreground_of.has_value(), SPAWN_TEMPLATE_TCSETPGRP);
        return types;
    }
    types.assign(attributes.limits.size(), SPAWN_TEMPLATE_RLIMIT);
    add(attributes.nice.has_value(), SPAWN_TEMPLATE_NICE);
    add(attributes.scheduler.has_value(), SPAWN_TEMPLATE_SETSCHED);
    add(attributes.affinity.has_value(), SPAWN_TEMPLATE_AFFINITY);
    add(attributes.reset_ids, SPAWN_TEMPLATE_RESETIDS);
    add(attributes.groups || attributes.group || attributes.user, SPAWN_TEMPLATE_SETIDS);
    add(attributes.no_new_privileges, SPAWN_TEMPLATE_NO_NEW_PRIVS);
    add(attributes.parent_death_signal.has_value(), SPAWN_TEMPLATE_PDEATHSIG);
    add(attributes.signal_defaults != SignalSet(), SPAWN_TEMPLATE_SIGDEFAULT);
    add(attributes.signal_mask.has_value(), SPAWN_TEMPLATE_SIGMASK);
    return types;
}

bool have_types(std::span<const spawn_template_action> actions,
                const std::vector<std::uint32_t>& types) {
    return std::ranges::equal(actions, types, {}, &spawn_template_action::type);
}

template <typename Operand>
const Operand& operand(const spawn_template_action& action) {
    return *reinterpret_cast<const Operand*>(static_cast<std::uintptr_t>(action.arg));
}

std::vector<int> cpus_of(const spawn_template_action& action) {
    std::vector<int> cpus;
    for (std::uint64_t cpu = 0; cpu < action.size * 8; ++cpu)
        if ((&operand<unsigned long>(action))[cpu / 64] >> cpu % 64 & 1)
            cpus.push_back(static_cast<int>(cpu));
    return cpus;
}

void check_operand(const spawn_template_action& action, const Attributes& attributes,
                   std::size_t& limits) {
    switch (action.type) {
    case SPAWN_TEMPLATE_UMASK:
        return require(action.arg == *attributes.umask, "umask");
    case SPAWN_TEMPLATE_SETPGID:
        return require(static_cast<pid_t>(action.arg) == *attributes.process_group, "group");
    case SPAWN_TEMPLATE_TCSETPGRP:
        return require(action.fd == *attributes.foreground_of, "foreground");
    case SPAWN_TEMPLATE_RLIMIT: {
        const auto& limit = operand<spawn_template_rlimit>(action);
        const ResourceLimit& wanted = attributes.limits[limits++];
        return require(static_cast<int>(limit.resource) == wanted.resource &&
                           limit.cur == wanted.soft && limit.max == wanted.hard,
                       "limit");
    }
    case SPAWN_TEMPLATE_NICE:
        return require(static_cast<std::int64_t>(action.arg) == *attributes.nice, "nice value");
    case SPAWN_TEMPLATE_AFFINITY: {
        std::vector<int> wanted = *attributes.affinity;
        std::ranges::sort(wanted);
        const auto repeated = std::ranges::unique(wanted);
        wanted.erase(repeated.begin(), repeated.end());
        return require(cpus_of(action) == wanted, "affinity");
    }
    case SPAWN_TEMPLATE_SETIDS: {
        const auto& ids = operand<spawn_template_ids>(action);
        require(!(ids.flags & SPAWN_TEMPLATE_IDS_UID) == !attributes.user, "user is set");
        require(!attributes.user || ids.uid == *attributes.user, "user");
        require(!(ids.flags & SPAWN_TEMPLATE_IDS_GID) == !attributes.group, "group is set");
        require(!attributes.group || ids.gid == *attributes.group, "group");
        return require(!attributes.groups || ids.nr_groups == attributes.groups->size(), "groups");
    }
    case SPAWN_TEMPLATE_PDEATHSIG:
        return require(static_cast<int>(action.arg) == attributes.parent_death_signal->signal,
                       "parent-death signal");
    case SPAWN_TEMPLATE_SIGDEFAULT:
        return require(operand<std::uint64_t>(action) == attributes.signal_defaults.bits(),
                       "signal defaults");
    case SPAWN_TEMPLATE_SIGMASK:
        return require(operand<std::uint64_t>(action) == attributes.signal_mask->bits(),
                       "signal mask");
    }
}

}  // namespace

void run(Input input) {
    static const detail::Program program{.name = "program", .path = "/program", .fd = {}};
    static const bool set_up = (set_descriptors_up(), true);
    static_cast<void>(set_up);

    Command command;
    while (!input.empty())
        if (input.flag())
            add_attribute(input, command);
        else
            add_redirection(input, command);

    std::map<int, Referent> expected;
    for (const Redirection& redirection : command.redirections())
        expected[redirection.target] = referent(command, redirection.target);
    bool possible = std::ranges::none_of(
        expected, [](const auto& entry) { return entry.second.kind == Referent::wrong; });

    auto launch = detail::Launch::prepare(program, command);
    require(launch.has_value() == possible, "what is impossible is an error, and nothing else is");
    if (!launch) {
        require(launch.error().step == Step::redirect && launch.error().index >= 0,
                "the error names the redirection");
        return;
    }
    detail::ActionList actions(*launch);
    require(actions.build().has_value(), "there is a list");

    check_descriptors(command, actions, expected);
    const Attributes& attributes = command.attributes();
    bool has_directory = command.directory().has_value();
    require(have_types(actions.before_fds(), expected_types(attributes, has_directory, true)),
            "the first part");
    require(have_types(actions.after_fds(), expected_types(attributes, has_directory, false)),
            "the last part");
    std::size_t limits = 0;
    for (const spawn_template_action& action : actions.all())
        if (action.type != SPAWN_TEMPLATE_DUP2 && action.type != SPAWN_TEMPLATE_CLOSE)
            check_operand(action, attributes, limits);
}

}  // namespace spawntpl::fuzz
