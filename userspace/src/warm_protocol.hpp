// SPDX-License-Identifier: MIT
//
// What the library and the object that it preloads into a template process say to each other, over
// sockets of whole messages that nobody else has. Both are of one build, but a message is checked
// as if anybody had sent it. The first three are of the template process, the others of one child.
//
//   template process -> owner   WarmHello   what it was made of, and that it can be used
//   owner -> template process   WarmFill    have this child on this lane, or one on each
//   child -> owner              WarmReply   ready, with a pidfd of it and a socket to it
//   owner -> child              WarmRequest what it is to become, with its descriptors
//   child -> owner              WarmReply   started, or what has failed; if that is wanted
//
// Where the template has a broker, that answers the owner, who asks how children end:
//
//   owner -> broker             WarmWait    how has this child ended?
//   broker -> owner             WarmEnd     so, and it has been reaped; or it has not yet
//
// When a child has ended that has got its request, and no start has followed for a while, the
// template process makes the next one unasked.
#pragma once

#include "child_action.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/time.h>
#include <sys/types.h>

namespace spawntpl::detail {

inline constexpr std::uint32_t warm_magic = 0x7374776d;  // "mwts"
inline constexpr std::uint32_t warm_version = 3;

/// The longest message. A socket's default buffer takes it.
inline constexpr std::size_t warm_max_request = 192 * 1024;

/// The most descriptors of a message: SCM_MAX_FD of the kernel.
inline constexpr std::uint32_t warm_max_fds = 253;

inline constexpr std::uint32_t warm_max_actions = 1024;

/// The most arguments and environment entries.
inline constexpr std::uint32_t warm_max_strings = 16 * 1024 - 2;

/// Of the environment variable that tells the preloaded object what it is loaded for.
inline constexpr char warm_variable[] = "SPAWNTPL_WARM";

/// Its value: where the program becomes a template process, and whether it will call setlocale(3).
inline constexpr char warm_at_main[] = "main";
inline constexpr char warm_at_main_with_locale[] = "main-with-locale";
inline constexpr char warm_at_ready[] = "ready";

/// Where a child is made and gets its request: the most that are made at once. The last one is for
/// children that are made when they are asked for, the others have a child in advance.
inline constexpr std::uint32_t warm_lanes = 9;
inline constexpr std::uint32_t warm_lane_on_demand = warm_lanes - 1;

/// In the place of one of them: all whose last child has got its request.
inline constexpr std::uint32_t warm_all_lanes = warm_lanes;

/// How often the owner, who waits for an answer, looks whether one can still come.
inline constexpr timeval warm_look_around{.tv_sec = 0, .tv_usec = 100'000};

/// The descriptors of the template process: its socket, its end of each lane, its page.
inline constexpr int warm_socket = 3;
inline constexpr int warm_first_lane = warm_socket + 1;
inline constexpr int warm_page = warm_first_lane + static_cast<int>(warm_lanes);

/// The broker's socket: the last of the descriptors of the process that becomes it.
inline constexpr int warm_broker = warm_page + 1;

/// Of a child before its main(): its lane, later the socket that it gets its request from.
inline constexpr int warm_child_socket = warm_socket;

/// May come with one descriptor, on the lane for children that are made when they are asked for:
/// the cgroup that the child is to be born in.
struct WarmFill {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint32_t lane;  ///< or warm_all_lanes
    std::uint32_t
        serial;  ///< of the child; nothing is done if there has been one with it. 0 for all
};

/// The first of a request. Behind it, without gaps: its WarmMove, its spawn_template_action, the
/// operands of these, and the strings of the arguments and the environment, each with its NUL.
struct WarmRequest {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint32_t size;  ///< of the whole message

    std::uint32_t nr_fds;  ///< that come with the message
    std::uint32_t nr_moves;
    std::uint32_t nr_actions;
    std::uint32_t operands_size;  ///< a multiple of 8
    std::uint32_t argc;           ///< from 1
    std::uint32_t envc;

    std::uint32_t after;  ///< the first of the actions that come after the moves
    std::uint32_t quiet;  ///< 1: nothing that it asks for can fail, and no answer is wanted
    std::uint32_t zero;

    // Beside the actions, which do not know these.
    SignalBits mask;       ///< the signals that are blocked
    SignalBits ignored;    ///< to be ignored, where the template does not
    SignalBits defaulted;  ///< to be at their default, where the template ignores them
};

/// The child's descriptor `target` is one of those that come with the message. The targets of a
/// request are in ascending order. The child has no others.
struct WarmMove {
    std::int32_t target;
    std::uint32_t source;  ///< which of the descriptors
};

/// How far a child has come. After another one than the first two, it ends.
enum class WarmStep : std::uint32_t {
    ready,    ///< for a request; a pidfd and a socket come along
    started,  ///< its main()
    action,   ///< has failed: `index` is that of the action
    move,     ///< has failed: `index` is that of the move
    clone,    ///< has failed: there is no child; from the template process
    refused,  ///< a request that it cannot take
    prepare,  ///< has failed: what every child needs
};

/// The descriptors of WarmStep::ready: first the pidfd, then the socket. Those for which the owner
/// has no room are missing.
inline constexpr std::uint32_t warm_ready_fds = 2;

/// Who says it is known to the owner: see WarmPage::children.
struct WarmReply {
    std::uint32_t magic;
    std::uint32_t serial;  ///< of the child
    WarmStep step;
    std::int32_t index;  ///< of the step, else -1
    std::int32_t error;  ///< an errno; 0 if nothing has failed
};

/// What the names of a WarmHello are.
enum class WarmNews : std::uint32_t {
    files,  ///< of loaded objects, as the dynamic linker has found them, and all that are mapped
    variables,  ///< that getenv(3) was asked for before main(); an empty one: others, not counted
    arrival,    ///< the last message: why the program cannot be started warm, empty if it can
};

/// The template process's first messages. Behind it, strings, each with its NUL.
struct WarmHello {
    std::uint32_t magic;
    std::uint32_t version;
    WarmNews news;
    std::int32_t pid;  ///< of the template process
};

/// The longest of them.
inline constexpr std::size_t warm_max_hello = 16 * 1024;

struct WarmWait {
    std::uint32_t magic;
    std::uint32_t version;
    std::int32_t pid;  ///< of the child
};

struct WarmEnd {
    std::uint32_t magic;
    std::int32_t pid;     ///< of the child that was asked for
    std::int32_t error;   ///< an errno: ECHILD if there is no such child
    std::int32_t code;    ///< of siginfo_t: CLD_EXITED, CLD_KILLED, CLD_DUMPED; 0: it has not ended
    std::int32_t status;  ///< of siginfo_t
    std::uint32_t zero;

    // What the child has used, as in rusage.
    std::int64_t user_time;    ///< in microseconds
    std::int64_t system_time;  ///< in microseconds
    std::int64_t max_rss;      ///< in KiB
};

/// Memory that owner and template process share, and children do not have.
struct WarmPage {
    /// Written by the kernel as soon as there is a child, at its serial modulo 2: its pid is known
    /// even if nobody lives to tell it.
    volatile pid_t children[warm_lanes][2];

    /// The serial of the last child that was to get a request.
    volatile std::uint32_t taken[warm_lanes];

    /// Where the next start is likely to be, by a caller who waits for its child; -1: not known.
    /// What a child has run on has to hear of its end, so it is made there. Of threads that start
    /// at once, the last one counts.
    std::atomic<std::int32_t> cpu;

    /// What the last child was bound to at its birth; -1: to none.
    volatile std::int32_t bound[warm_lanes];

    // Written before there is a template process: where it is; and of the first entries of its
    // environment, in their order, which ones it is to keep, and which where it does not know what
    // was asked for. Beside those that were asked for, others are the first start's own.
    std::uint64_t device, inode;  ///< of its working directory; 0 if that may be any
    std::uint32_t entries;
    std::uint32_t has_broker;  ///< 1: what is started becomes the broker first, see warm_broker
    std::uint64_t kept[(warm_max_strings + 63) / 64];
    std::uint64_t guessed[(warm_max_strings + 63) / 64];

    void keep(std::size_t entry) { kept[entry / 64] |= std::uint64_t{1} << entry % 64; }

    void guess(std::size_t entry) { guessed[entry / 64] |= std::uint64_t{1} << entry % 64; }

    bool keeps(std::size_t entry) const { return kept[entry / 64] >> entry % 64 & 1; }

    bool may_keep(std::size_t entry) const { return guessed[entry / 64] >> entry % 64 & 1; }
};

/// A request that has been checked, in the memory of its message. The operands of its actions are
/// pointers; the descriptors that they name are still numbers of those that came with it.
struct WarmPlan {
    const WarmRequest* request = nullptr;
    std::span<const WarmMove> moves{};
    std::span<spawn_template_action> actions{};
    char** argv = nullptr;  ///< NULL-terminated
    char** envp = nullptr;  ///< NULL-terminated
    char* args_end = nullptr;
    char* env_end = nullptr;
};

/// Whether the descriptor of an action is one that it reads.
constexpr bool warm_action_reads_fd(std::uint32_t type) {
    return type == SPAWN_TEMPLATE_FCHDIR || type == SPAWN_TEMPLATE_SETCTTY ||
           type == SPAWN_TEMPLATE_TCSETPGRP;
}

/// Sends a message with descriptors, warm_max_fds at most. False and errno if it cannot be sent.
bool send_warm_message(int socket, std::span<const std::byte> bytes, std::span<const int> fds);

// Each of these checks a message, which came with @p fds descriptors where it may have some. It
// returns what is wrong, or null; only then what it has filled in is of use.

const char* decode_warm_fill(std::span<const std::byte> message, std::uint32_t fds, WarmFill& fill);

const char* decode_warm_reply(std::span<const std::byte> message, std::uint32_t fds,
                              WarmReply& reply);

/// @p names, at least one, each with its NUL, are in the message; they may be empty.
const char* decode_warm_hello(std::span<const std::byte> message, WarmHello& hello,
                              std::span<const char>& names);

const char* decode_warm_wait(std::span<const std::byte> message, std::uint32_t fds, pid_t& pid);

const char* decode_warm_end(std::span<const std::byte> message, std::uint32_t fds, WarmEnd& end);

/// In place: the start of the message is aligned to 8 bytes.
/// @p pointers has room for those of the arguments, of the environment and two NULL; what does not
/// fit there is refused.
const char* decode_warm_request(std::span<std::byte> message, std::uint32_t fds,
                                std::span<char*> pointers, WarmPlan& plan);

}  // namespace spawntpl::detail
