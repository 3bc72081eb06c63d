// SPDX-License-Identifier: MIT
#pragma once

#include "support.hpp"

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace spawntpl::tests {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool memory_can_be_limited = false;  // the sanitizer's own is larger, and still grows
#else
constexpr bool memory_can_be_limited = true;
#endif

/// What lets a Template start children warm by a process alone, also where the kernel could: what
/// cannot be warm is started by a backend of stock kernels.
TemplateOptions warm_by_process();

/// A test of children that are started warm.
class WarmTest : public CleanTest {
protected:
    void SetUp() override;

    /// What may be warm, and should be.
    static Template allowed(const std::string& program);

    /// The same, but where it is not, it is what has this name then.
    static Template allowed_by_name(const std::string& path);

    /// Not by libc, whose children ignore two signals of its own.
    static Template cold(const std::string& program);

    static Output start(const Template& program, const Command& command = {});

    /// What both print, which must be the same and warm.
    static std::string same(const Template& warm, const std::string& path, const Command& command);

    /// Why a child was started in another way.
    static std::string why_not(const Template& program, const Command& command = {});

    /// The children of this thread, in the order of their births. Where nothing else runs: the
    /// template process, then the child that waits for the next start.
    static std::vector<pid_t> children();

    /// The same, when there are so many.
    static std::vector<pid_t> wait_for_children(std::size_t count);

    /// The template process of the only Template that has one.
    static pid_t template_process();
};

/// Mounts a new file system for this process and its children alone. Throws if that fails.
void mount_privately(const std::string& path, const char* type);

/// Runs a function in a child of this test, which has no others; what it expects in vain is told by
/// the test.
void in_another_process(const std::function<void()>& function);

}  // namespace spawntpl::tests
