// SPDX-License-Identifier: MIT
#pragma once

#include "warm_protocol.hpp"

#include <cstddef>

#include <elf.h>
#include <linux/prctl.h>

namespace spawntpl::warm {

/// What of this process is one thing for each of its children: found once, renewed in each.
class Image {
public:
    /// Looks at this process, which stands before its main(). Why it cannot be started warm, or
    /// null.
    const char* take(char** argv);

    /// Children go on in functions that have looked at the canary of the stack.
    void keep_canary() { keeps_canary_ = true; }

    /// Where the kernel and libc keep the id of this thread.
    int* thread_id() const { return thread_id_; }

    /// What a library has changed that each child gets anew, in the place of what the library
    /// wanted; or null.
    const char* find_changes(const detail::WarmPage& page) const;

    /// Overwrites what is in this process's environment, but not in that of all children: a child
    /// must not find in its memory what another one was given.
    void forget_environment(const detail::WarmPage& page) const;

    /// In a child: what is a thread's and what is random. False and errno if it fails.
    bool renew() const;

    /// In a child: its ids, where the kernel has told them to the program.
    void renew_ids() const;

    /// In a child: its arguments and its environment, as others see them. False and errno if it
    /// fails.
    bool show_strings(const detail::WarmPlan& plan) const;

    /// In a child: the same for its libc.
    void use_strings(const detail::WarmPlan& plan) const;

private:
    const char* read_layout();
    const char* find_auxiliary_vector(char** argv);

    int* thread_id_ = nullptr;
    void* robust_list_ = nullptr;
    std::size_t robust_list_size_ = 0;
    unsigned char* random_ = nullptr;  ///< AT_RANDOM
    Elf64_auxv_t* auxiliary_ = nullptr;
    char** argv_ = nullptr;  ///< libc's own
    char** envp_ = nullptr;  ///< the kernel's
    bool keeps_canary_ = false;
    prctl_mm_map layout_{};
};

}  // namespace spawntpl::warm
