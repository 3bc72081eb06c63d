// SPDX-License-Identifier: MIT
//
// Linked into the library and into the object that warm templates preload: no more of C++ than the
// compiler has itself.
#include "warm_protocol.hpp"

#include <cerrno>
#include <cstring>

#include <signal.h>
#include <sys/socket.h>

namespace spawntpl::detail {

namespace {

/// Hands out the parts of a message one after the other.
class Parts {
public:
    explicit Parts(std::span<std::byte> rest) : rest_(rest) {}

    template <typename Part>
    bool take(std::size_t count, std::span<Part>& parts) {
        if (count > rest_.size() / sizeof(Part))
            return false;
        parts = {reinterpret_cast<Part*>(rest_.data()), count};
        rest_ = rest_.subspan(count * sizeof(Part));
        return true;
    }

    std::span<std::byte> rest() const { return rest_; }

private:
    std::span<std::byte> rest_;
};

/// The errno with the highest number, as the kernel has them in its results.
constexpr std::int32_t max_errno = 4095;

/// Makes the operand of an action a pointer, if the action has one.
const char* resolve_operand(spawn_template_action& action, std::span<std::byte> operands) {
    std::size_t size;
    switch (action.type) {
    case SPAWN_TEMPLATE_FCHDIR:
    case SPAWN_TEMPLATE_UMASK:
    case SPAWN_TEMPLATE_SETSID:
    case SPAWN_TEMPLATE_SETPGID:
    case SPAWN_TEMPLATE_SETCTTY:
    case SPAWN_TEMPLATE_TCSETPGRP:
    case SPAWN_TEMPLATE_NICE:
    case SPAWN_TEMPLATE_RESETIDS:
    case SPAWN_TEMPLATE_NO_NEW_PRIVS:
        return nullptr;
    case SPAWN_TEMPLATE_RLIMIT:
        size = sizeof(spawn_template_rlimit);
        break;
    case SPAWN_TEMPLATE_SETIDS:
        size = sizeof(spawn_template_ids);
        break;
    case SPAWN_TEMPLATE_SIGDEFAULT:
        size = sizeof(SignalBits);
        break;
    case SPAWN_TEMPLATE_SETSCHED:
    case SPAWN_TEMPLATE_AFFINITY:
        size = action.size;
        break;
    default:
        return "an action of a kind that a child does not do";
    }
    if (action.size < size || action.arg % alignof(std::uint64_t) != 0 ||
        action.arg > operands.size() || action.size > operands.size() - action.arg)
        return "an operand outside of the message";
    std::byte* operand = operands.data() + action.arg;
    if (action.type == SPAWN_TEMPLATE_SETSCHED) {
        std::uint32_t own_size;
        if (action.size < sizeof(own_size))
            return "an operand that is too short";
        std::memcpy(&own_size, operand, sizeof(own_size));
        if (own_size > action.size)
            return "an operand that is longer than its action says";
    }
    if (action.type == SPAWN_TEMPLATE_SETIDS) {
        auto& ids = *reinterpret_cast<spawn_template_ids*>(operand);
        if (ids.nr_groups > (action.size - sizeof(ids)) / sizeof(std::uint32_t))
            return "groups outside of the message";
        ids.groups = reinterpret_cast<std::uintptr_t>(&ids + 1);
    }
    action.arg = reinterpret_cast<std::uintptr_t>(operand);
    return nullptr;
}

/// Points to @p count strings; the rest of the message behind them, or null if it has not so many.
char* point_to_strings(char* from, char* end, std::uint32_t count, char** pointers) {
    for (; count != 0; --count) {
        void* nul = std::memchr(from, '\0', static_cast<std::size_t>(end - from));
        if (!nul)
            return nullptr;
        *pointers++ = from;
        from = static_cast<char*>(nul) + 1;
    }
    *pointers = nullptr;
    return from;
}

}  // namespace

bool send_warm_message(int socket, std::span<const std::byte> bytes, std::span<const int> fds) {
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(warm_max_fds * sizeof(int))];
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

const char* decode_warm_fill(std::span<const std::byte> message, std::uint32_t fds,
                             WarmFill& fill) {
    if (message.size() != sizeof(fill))
        return "not the size of what asks for a child";
    std::memcpy(&fill, message.data(), sizeof(fill));
    if (fill.magic != warm_magic || fill.version != warm_version)
        return "another version of what asks for a child";
    if (fill.lane > warm_all_lanes)
        return "a lane that is not there";
    if (fill.lane == warm_all_lanes && fill.serial != 0)
        return "a child that is on all lanes";
    if (fds > (fill.lane == warm_lane_on_demand ? 1 : 0))
        return "descriptors that no child needs";
    return nullptr;
}

const char* decode_warm_reply(std::span<const std::byte> message, std::uint32_t fds,
                              WarmReply& reply) {
    if (message.size() != sizeof(reply))
        return "not the size of a reply";
    std::memcpy(&reply, message.data(), sizeof(reply));
    if (reply.magic != warm_magic)
        return "not a reply";
    bool has_failed = true, has_index = false;
    switch (reply.step) {
    case WarmStep::ready:
    case WarmStep::started:
        has_failed = false;
        break;
    case WarmStep::action:
    case WarmStep::move:
        has_index = true;
        break;
    case WarmStep::clone:
    case WarmStep::refused:
    case WarmStep::prepare:
        break;
    default:
        return "a step that there is not";
    }
    if (has_failed ? reply.error <= 0 || reply.error > max_errno : reply.error != 0)
        return "an error that cannot be";
    if (has_index ? reply.index < 0 : reply.index != -1)
        return "an index that cannot be";
    if (fds > (reply.step == WarmStep::ready ? warm_ready_fds : 0))
        return "descriptors that nobody wants";
    return nullptr;
}

const char* decode_warm_hello(std::span<const std::byte> message, WarmHello& hello,
                              std::span<const char>& names) {
    if (message.size() <= sizeof(hello) || message.size() > warm_max_hello)
        return "not the size of a hello";
    std::memcpy(&hello, message.data(), sizeof(hello));
    if (hello.magic != warm_magic || hello.version != warm_version)
        return "a hello of another version";
    if (hello.news > WarmNews::arrival)
        return "news of a kind that there is not";
    if (hello.pid <= 0)
        return "a process that cannot be";
    names = {reinterpret_cast<const char*>(message.data()) + sizeof(hello),
             message.size() - sizeof(hello)};
    if (names.back() != '\0')
        return "a name without an end";
    if (hello.news == WarmNews::arrival &&
        std::memchr(names.data(), '\0', names.size()) != &names.back())
        return "more than one reason";
    return nullptr;
}

const char* decode_warm_wait(std::span<const std::byte> message, std::uint32_t fds, pid_t& pid) {
    WarmWait wait;
    if (message.size() != sizeof(wait))
        return "not the size of a question";
    std::memcpy(&wait, message.data(), sizeof(wait));
    if (wait.magic != warm_magic || wait.version != warm_version)
        return "a question of another version";
    // Others than positive ones are not those of one process.
    if (wait.pid <= 0 || fds != 0)
        return "a question that nobody would ask";
    pid = wait.pid;
    return nullptr;
}

const char* decode_warm_end(std::span<const std::byte> message, std::uint32_t fds, WarmEnd& end) {
    constexpr std::int32_t max_signal = 64, max_exit_status = 255;
    if (message.size() != sizeof(end))
        return "not the size of an end";
    std::memcpy(&end, message.data(), sizeof(end));
    if (end.magic != warm_magic || end.zero != 0 || fds != 0)
        return "not an end";
    if (end.error < 0 || end.error > max_errno || (end.error != 0 && end.code != 0))
        return "an error that cannot be";
    if (end.user_time < 0 || end.system_time < 0 || end.max_rss < 0)
        return "less than nothing";
    switch (end.code) {
    case 0:
        return end.status == 0 ? nullptr : "the status of what has not ended";
    case CLD_EXITED:
        return end.status >= 0 && end.status <= max_exit_status ? nullptr : "no exit status";
    case CLD_KILLED:
    case CLD_DUMPED:
        return end.status > 0 && end.status <= max_signal ? nullptr : "no signal";
    default:
        return "an end of a kind that there is not";
    }
}

const char* decode_warm_request(std::span<std::byte> message, std::uint32_t fds,
                                std::span<char*> pointers, WarmPlan& plan) {
    Parts parts(message);
    std::span<const WarmRequest> request;
    if (!parts.take(1, request))
        return "a message without a request";
    const WarmRequest& head = request.front();
    if (head.magic != warm_magic || head.version != warm_version)
        return "a request of another version";
    if (head.size != message.size() || message.size() > warm_max_request)
        return "a request of another size than its message";
    if (head.nr_fds != fds)
        return "descriptors were lost";
    if (head.quiet > 1 || head.zero != 0)
        return "an answer that is neither wanted nor not";

    std::span<std::byte> operands;
    if (head.nr_moves > warm_max_fds || !parts.take(head.nr_moves, plan.moves) ||
        head.nr_actions > warm_max_actions || !parts.take(head.nr_actions, plan.actions) ||
        head.operands_size % alignof(std::uint64_t) != 0 ||
        !parts.take(head.operands_size, operands))
        return "a request that is longer than its message";
    if (head.after > head.nr_actions)
        return "an action that is not there";

    std::int32_t previous = -1;
    for (const WarmMove& move : plan.moves) {
        if (move.target <= previous)
            return "targets that are not in order";
        if (move.source >= fds)
            return "a descriptor that did not come along";
        previous = move.target;
    }
    for (spawn_template_action& action : plan.actions) {
        if (warm_action_reads_fd(action.type) &&
            (action.fd < 0 || action.fd >= static_cast<std::int64_t>(fds)))
            return "an action on a descriptor that did not come along";
        if (const char* wrong = resolve_operand(action, operands))
            return wrong;
    }

    if (head.argc < 1 || std::uint64_t{head.argc} + head.envc + 2 > pointers.size())
        return "a number of strings that cannot be";
    char* strings = reinterpret_cast<char*>(parts.rest().data());
    plan.env_end = strings + parts.rest().size();
    plan.argv = pointers.data();
    plan.envp = plan.argv + head.argc + 1;
    plan.args_end = point_to_strings(strings, plan.env_end, head.argc, plan.argv);
    if (!plan.args_end ||
        point_to_strings(plan.args_end, plan.env_end, head.envc, plan.envp) != plan.env_end)
        return "another number of strings than the request says";
    plan.request = &head;
    return nullptr;
}

}  // namespace spawntpl::detail
