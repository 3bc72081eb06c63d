// SPDX-License-Identifier: MIT
#include "warm_request.hpp"

#include "above_stdio.hpp"
#include "request_errors.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

constexpr std::size_t operand_alignment = alignof(std::uint64_t);

/// What exec would pass on.
bool stays_open(int fd) {
    int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

void append(std::vector<std::byte>& bytes, const void* from, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(from);
    bytes.insert(bytes.end(), first, first + size);
}

/// Returns their number.
std::uint32_t append_strings(std::vector<std::byte>& bytes, char* const* strings) {
    std::uint32_t count = 0;
    for (; strings && strings[count]; ++count)
        append(bytes, strings[count], std::strlen(strings[count]) + 1);
    return count;
}

/// Whether an exec after a change of user would leave other capabilities than the change itself:
/// root has all of them after an exec, and securebits(7) keep those that others lose.
bool exec_decides_capabilities(const Attributes& attributes) {
    if (!attributes.user)
        return false;
    constexpr uid_t root = 0;
    return (*attributes.user == root && geteuid() != root) || prctl(PR_GET_SECUREBITS) != 0;
}

/// As sched_setaffinity(2) takes them, of what /proc/PID/status says: groups of 32, in hexadecimal
/// digits, the highest first.
std::vector<std::uint64_t> set_of_cpus(std::string_view text) {
    constexpr std::size_t digits = 8;
    std::vector<std::uint64_t> set;
    for (std::size_t group = 0; !text.empty(); ++group) {
        std::size_t comma = text.rfind(',');
        std::string_view last = comma == std::string_view::npos ? text : text.substr(comma + 1);
        text = text.substr(0, comma == std::string_view::npos ? 0 : comma);
        std::uint32_t bits = 0;
        std::from_chars(last.data(), last.data() + std::min(last.size(), digits), bits, 16);
        if (group % 2 == 0)
            set.push_back(bits);
        else
            set.back() |= std::uint64_t{bits} << 32;
    }
    return set;
}

/// Whether an exec would look at a limit that the Command sets, which a copy has behind it.
bool limits_memory(const Attributes& attributes, const CallerState& now) {
    return std::ranges::any_of(attributes.limits, [&](const ResourceLimit& limit) {
        if (limit.resource != RLIMIT_STACK && limit.resource != RLIMIT_AS &&
            limit.resource != RLIMIT_DATA)
            return false;
        const rlimit& own = now.limits[static_cast<std::size_t>(limit.resource)];
        return limit.soft != own.rlim_cur || limit.hard != own.rlim_max;
    });
}

}  // namespace

Result<std::string> WarmMessage::build(const CallerState& now, const CallerState& then) {
    if (auto built = actions_.build(false); !built)
        return std::unexpected(std::move(built.error()));
    if (exec_decides_capabilities(launch_.command().attributes()))
        return "an exec as the other user would leave other capabilities than the change of user";
    if (limits_memory(launch_.command().attributes(), now))
        return "an exec would look at the limit of stack, data or address space";
    if (now.process_group == 0 && then.process_group != 0)
        return "the caller's process group is of another pid namespace";
    if (launch_.directory() < 0) {
        directory_ = above_stdio(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!directory_)
            return "the working directory cannot be opened";
    }
    if (std::string wrong = choose_descriptors(); !wrong.empty())
        return wrong;
    add_state(now, then);
    state_actions_ = encoded_.size();
    add_actions(actions_.before_fds());
    after_ = encoded_.size();
    add_actions(actions_.after_fds());
    if (encoded_.size() > warm_max_actions)
        return "more actions than fit into a message";
    can_fail_ = may_fail(now);
    assemble(now, then);
    if (fds_.size() > warm_max_fds)
        return "more descriptors than fit into a message";
    if (strings_too_long())
        return "arguments and environment are too long for a message";
    return {};
}

/// Most of what the caller has, a child can be given without fail: it is in the same process group,
/// may be in the same directory and has room for a few descriptors. Rights may be missing for other
/// things; and what a Command asks for is another matter.
bool WarmMessage::may_fail(const CallerState& now) const {
    // Each comes with a number of its own first, and the child has some, too.
    constexpr std::size_t few = 3, room = 16;
    std::size_t highest = table_.empty() ? 0 : static_cast<std::size_t>(table_.rbegin()->first);
    auto is_certain = [](const spawn_template_action& action) {
        return action.type == SPAWN_TEMPLATE_FCHDIR || action.type == SPAWN_TEMPLATE_UMASK ||
               action.type == SPAWN_TEMPLATE_SETPGID;
    };
    // Who is no child of the caller cannot be put into its process group by that.
    return launch_.program().broker || encoded_.size() > state_actions_ ||
           !std::ranges::all_of(encoded_, is_certain) || table_.size() > few ||
           highest + room > now.limits[RLIMIT_NOFILE].rlim_cur ||
           (directory_ &&
            syscall(SYS_faccessat2, directory_.get(), "", X_OK, AT_EACCESS | AT_EMPTY_PATH) != 0);
}

/// Whether they are longer than what execve(2) takes under any limit, or than a message.
bool WarmMessage::strings_too_long() const {
    WarmRequest head;
    std::memcpy(&head, bytes_.data(), sizeof(head));
    constexpr std::size_t always_taken = 128 * 1024;
    return bytes_.size() > warm_max_request || head.argc + head.envc > warm_max_strings ||
           strings_size_ + (head.argc + head.envc) * sizeof(char*) > always_taken;
}

std::optional<Error> WarmMessage::error(const WarmReply& reply) const {
    auto index = static_cast<std::size_t>(reply.index);
    // What a reply names need not be there.
    switch (reply.step) {
    case WarmStep::action:
        if (index < state_actions_ || index >= encoded_.size())
            return {};
        return actions_.error(reply.error, index - state_actions_);
    case WarmStep::move: {
        if (index >= table_.size())
            return {};
        auto move = std::next(table_.begin(), reply.index);
        int redirection = move->second.second;
        if (redirection < 0)
            return attribute_error(launch_.command(), reply.error, Step::open_terminal);
        return redirect_error(launch_.command(), reply.error, redirection);
    }
    default:
        return {};
    }
}

/// Which descriptors the child has.
std::string WarmMessage::choose_descriptors() {
    constexpr int none = -1;
    if (launch_.command().inherits_fds()) {
        std::error_code failed;
        std::vector<int> open;
        for (std::filesystem::directory_iterator entry("/proc/self/fd", failed), end;
             !failed && entry != end; entry.increment(failed))
            open.push_back(std::stoi(entry->path().filename()));
        if (failed)
            return "/proc/self/fd cannot be read";
        // The iterator's own is closed by now.
        for (int fd : open)
            if (stays_open(fd))
                table_[fd] = {fd, none};
    } else {
        auto is_replaced = [&](int fd) {
            return std::ranges::count(launch_.fds().moves(), fd, &FdMove::target) != 0;
        };
        for (int fd = 0; fd < first_after_stdio; ++fd)
            if (!is_replaced(fd) && stays_open(fd))
                table_[fd] = {fd, none};
    }
    for (const FdMove& move : launch_.fds().moves())
        table_[move.target] = {move.source, move.index};
    for (const FdClose& close : launch_.fds().closes())
        table_.erase(close.target);
    return {};
}

std::uint32_t WarmMessage::send_fd(int fd) {
    auto found = std::ranges::find(fds_, fd);
    if (found == fds_.end())
        found = fds_.insert(fds_.end(), fd);
    return static_cast<std::uint32_t>(found - fds_.begin());
}

void WarmMessage::add(spawn_template_action action, const void* operand, std::size_t size) {
    if (operand) {
        action.arg = operands_.size();
        action.size = static_cast<std::uint32_t>(size);
        append(operands_, operand, size);
        operands_.resize((operands_.size() + operand_alignment - 1) / operand_alignment *
                         operand_alignment);
    }
    if (warm_action_reads_fd(action.type))
        action.fd = static_cast<std::int32_t>(send_fd(action.fd));
    encoded_.push_back(action);
}

void WarmMessage::add_state(const CallerState& now, const CallerState& then) {
    spawn_template_action action{};
    if (directory_) {
        action.type = SPAWN_TEMPLATE_FCHDIR;
        action.fd = directory_.get();
        add(action, nullptr, 0);
    }
    if (now.umask != then.umask) {
        action = {};
        action.type = SPAWN_TEMPLATE_UMASK;
        action.arg = now.umask;
        add(action, nullptr, 0);
    }
    if (now.process_group != then.process_group) {
        action = {};
        action.type = SPAWN_TEMPLATE_SETPGID;
        action.arg = static_cast<std::uint64_t>(now.process_group);
        add(action, nullptr, 0);
    }
    if (now.cpus != then.cpus) {
        std::vector<std::uint64_t> cpus = set_of_cpus(now.cpus);
        action = {};
        action.type = SPAWN_TEMPLATE_AFFINITY;
        add(action, cpus.data(), cpus.size() * sizeof(cpus.front()));
    }
    if (now.scheduler_is_inherited && !same_scheduler(now.scheduler, then.scheduler)) {
        SchedulerOperand operand = now.scheduler;
        operand.size = sizeof(operand);
        operand.flags = 0;
        action = {};
        action.type = SPAWN_TEMPLATE_SETSCHED;
        add(action, &operand, sizeof(operand));
    }
    for (std::size_t i = 0; i < now.limits.size(); ++i) {
        const rlimit& limit = now.limits[i];
        if (limit.rlim_cur == then.limits[i].rlim_cur && limit.rlim_max == then.limits[i].rlim_max)
            continue;
        spawn_template_rlimit operand{.resource = static_cast<std::uint32_t>(i),
                                      .reserved = 0,
                                      .cur = limit.rlim_cur,
                                      .max = limit.rlim_max};
        action = {};
        action.type = SPAWN_TEMPLATE_RLIMIT;
        add(action, &operand, sizeof(operand));
    }
}

void WarmMessage::add_actions(std::span<const spawn_template_action> actions) {
    for (const spawn_template_action& action : actions) {
        const auto* operand =
            reinterpret_cast<const std::byte*>(static_cast<std::uintptr_t>(action.arg));
        switch (action.type) {
        case SPAWN_TEMPLATE_SIGMASK:
            // The last of the list, and not one of the message's: see WarmRequest::mask.
            break;
        case SPAWN_TEMPLATE_SETIDS: {
            // The groups follow.
            spawn_template_ids ids;
            std::memcpy(&ids, operand, sizeof(ids));
            std::vector<std::byte> whole;
            const auto* groups =
                reinterpret_cast<const std::byte*>(static_cast<std::uintptr_t>(ids.groups));
            std::size_t groups_size = ids.nr_groups * sizeof(std::uint32_t);
            ids.groups = 0;
            append(whole, &ids, sizeof(ids));
            append(whole, groups, groups_size);
            add(action, whole.data(), whole.size());
            break;
        }
        case SPAWN_TEMPLATE_RLIMIT:
        case SPAWN_TEMPLATE_SETSCHED:
        case SPAWN_TEMPLATE_AFFINITY:
        case SPAWN_TEMPLATE_SIGDEFAULT:
            add(action, operand, action.size);
            break;
        default:
            add(action, nullptr, 0);
        }
    }
}

void WarmMessage::assemble(const CallerState& now, const CallerState& then) {
    const Attributes& attributes = launch_.command().attributes();
    std::vector<WarmMove> moves;
    for (const auto& [target, from] : table_)
        moves.push_back({target, send_fd(from.first)});

    WarmRequest head{};
    head.magic = warm_magic;
    head.version = warm_version;
    head.quiet = can_fail_ ? 0 : 1;
    head.nr_moves = static_cast<std::uint32_t>(moves.size());
    head.nr_actions = static_cast<std::uint32_t>(encoded_.size());
    head.operands_size = static_cast<std::uint32_t>(operands_.size());
    head.after = static_cast<std::uint32_t>(after_);
    head.mask = attributes.signal_mask ? attributes.signal_mask->bits() : now.blocked;
    head.ignored = now.ignored & ~then.ignored;
    head.defaulted = then.ignored & ~now.ignored;
    head.nr_fds = static_cast<std::uint32_t>(fds_.size());

    append(bytes_, &head, sizeof(head));
    append(bytes_, moves.data(), moves.size() * sizeof(WarmMove));
    append(bytes_, encoded_.data(), encoded_.size() * sizeof(spawn_template_action));
    append(bytes_, operands_.data(), operands_.size());
    std::size_t strings = bytes_.size();
    head.argc = append_strings(bytes_, launch_.argv());
    head.envc = append_strings(bytes_, launch_.envp());
    strings_size_ = bytes_.size() - strings;
    head.size = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &head, sizeof(head));
}

}  // namespace spawntpl::detail
