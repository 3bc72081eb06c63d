// SPDX-License-Identifier: MIT
//
// What the library and the object that it preloads into a template process say to each other, over
// a socket of whole messages that only these two have. Both are of one build, but a message is
// checked as if anybody had sent it.
#pragma once

#include "child_action.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sys/types.h>

namespace spawntpl::detail {

inline constexpr std::uint32_t warm_magic = 0x7374776d;  // "mwts"
inline constexpr std::uint32_t warm_version = 1;

/// The longest message. A socket's default buffer takes it.
inline constexpr std::size_t warm_max_request = 192 * 1024;

/// The most descriptors of a message: SCM_MAX_FD of the kernel.
inline constexpr std::uint32_t warm_max_fds = 253;

inline constexpr std::uint32_t warm_max_actions = 1024;

/// Of the environment variable that tells the preloaded object its descriptors: "SOCKET,PAGE".
inline constexpr char warm_variable[] = "SPAWNTPL_WARM";

/// The program's socket and its page, in the template process.
inline constexpr int warm_socket = 3;
inline constexpr int warm_page = 4;

/// The first of a request. Behind it, without gaps: its WarmMove, its spawn_template_action, the
/// operands of these, and the strings of the arguments and the environment, each with its NUL.
struct WarmRequest {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint32_t size;    ///< of the whole message
    std::uint32_t serial;  ///< comes back with the answer

    std::uint32_t nr_fds;  ///< that come with the message
    std::uint32_t nr_moves;
    std::uint32_t nr_actions;
    std::uint32_t operands_size;  ///< a multiple of 8
    std::uint32_t argc;           ///< from 1
    std::uint32_t envc;

    std::int32_t cgroup;  ///< which of the descriptors is the cgroup to be born in, or -1
    std::uint32_t after;  ///< the first of the actions that come after the moves

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

/// Where a request has ended.
enum class WarmStep : std::uint32_t {
    started,
    action,   ///< in the child: `index` is that of the action
    move,     ///< in the child: `index` is that of the move
    clone,    ///< there is no child
    refused,  ///< the template process cannot do it; there is no child
    prepare,  ///< in the child, with what every child needs
};

/// The answer. From the child itself, with a pidfd of it, unless there is none.
struct WarmReply {
    std::uint32_t magic;
    std::uint32_t serial;
    WarmStep step;
    std::int32_t pid;
    std::int32_t index;
    std::int32_t error;  ///< an errno
};

/// The template process's first message. Behind it, each with its NUL: why the program cannot be
/// started warm, empty if it can, and the names of the objects that are loaded, as the dynamic
/// linker has found them.
struct WarmHello {
    std::uint32_t magic;
    std::uint32_t version;
};

/// Memory that owner and template process share, and children do not have.
struct WarmPage {
    /// Written by the kernel as soon as there is a child: its pid is known even if nobody lives to
    /// tell it.
    volatile pid_t child;

    /// The serial of the last request whose descriptors the template process has closed: a child
    /// may have ended by then, and who reads from its pipe must not wait for a copy. A futex.
    std::atomic<std::uint32_t> closed;

    std::atomic<std::uint32_t> awaited;  ///< whether the owner sleeps for that
};

static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

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

/// Checks a message, in place, that came with @p fds descriptors; its start is aligned to 8 bytes.
/// @p pointers has room for those of the arguments, of the environment and two NULL; what does not
/// fit there is refused. Returns what is wrong, or null.
const char* decode_warm_request(std::span<std::byte> message, std::uint32_t fds,
                                std::span<char*> pointers, WarmPlan& plan);

}  // namespace spawntpl::detail
