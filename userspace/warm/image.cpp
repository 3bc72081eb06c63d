// SPDX-License-Identifier: MIT
#include "image.hpp"

#include "inspection.hpp"

#include <cerrno>
#include <cstring>

#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

constexpr std::size_t random_size = 16;

/// As the dynamic linker does it: a string function cannot write over the first byte, a NUL.
void set_canary(std::uint64_t value) {
    value &= ~std::uint64_t{0xff};
    asm volatile("mov %0, %%fs:0x28" : : "r"(value) : "memory");
}

}  // namespace

const char* Image::take(char** argv) {
    argv_ = argv;
    if (prctl(PR_GET_TID_ADDRESS, &thread_id_) != 0 || !thread_id_ ||
        *thread_id_ != static_cast<int>(syscall(SYS_gettid)))
        return "this kernel does not tell where a thread's id is (CONFIG_CHECKPOINT_RESTORE)";
    if (syscall(SYS_get_robust_list, 0, &robust_list_, &robust_list_size_) != 0)
        return "this kernel does not tell where the list of robust locks is";
    if (const char* wrong = find_random(argv))
        return wrong;
    return read_layout();
}

void Image::forget_environment(const detail::WarmPage& page) const {
    auto* at = reinterpret_cast<char*>(static_cast<std::uintptr_t>(layout_.env_start));
    auto* end = reinterpret_cast<char*>(static_cast<std::uintptr_t>(layout_.env_end));
    for (std::size_t entry = 0; entry < page.entries && at < end; ++entry) {
        std::size_t length = std::strlen(at);
        if (!page.keeps(entry))
            std::memset(at, 0, length);
        at += length + 1;
    }
}

bool Image::renew() const {
    std::uint64_t random[random_size / sizeof(std::uint64_t)];
    if (syscall(SYS_getrandom, random, sizeof(random), 0) != sizeof(random) ||
        syscall(SYS_set_robust_list, robust_list_, robust_list_size_) != 0)
        return false;
    std::memcpy(random_, random, sizeof(random));
    // Before main(), no function that has looked at the old one returns any more.
    if (!keeps_canary_)
        set_canary(random[0]);
    return true;
}

bool Image::show_strings(const detail::WarmPlan& plan) const {
    prctl_mm_map layout = layout_;
    layout.brk = static_cast<std::uint64_t>(syscall(SYS_brk, 0));
    layout.arg_start = reinterpret_cast<std::uintptr_t>(plan.argv[0]);
    layout.arg_end = reinterpret_cast<std::uintptr_t>(plan.args_end);
    layout.env_start = layout.arg_end;
    layout.env_end = reinterpret_cast<std::uintptr_t>(plan.env_end);
    return prctl(PR_SET_MM, PR_SET_MM_MAP, &layout, sizeof(layout), 0) == 0;
}

void Image::use_strings(const detail::WarmPlan& plan) const {
    environ = plan.envp;
    program_invocation_name = plan.argv[0];
    char* slash = std::strrchr(plan.argv[0], '/');
    program_invocation_short_name = slash ? slash + 1 : plan.argv[0];
    // The dynamic linker says it in its messages, and tells it to libraries that are loaded later.
    argv_[0] = plan.argv[0];
    errno = 0;
}

const char* Image::find_random(char** argv) {
    random_ = reinterpret_cast<unsigned char*>(getauxval(AT_RANDOM));
    if (!random_ || argv[0] == nullptr)
        return "the kernel has laid out the stack in an unknown way";
    return nullptr;
}

const char* Image::read_layout() {
    // The numbers of the fields are those of proc_pid_stat(5).
    Stat stat;
    if (!stat.read())
        return "/proc/self/stat cannot be read";
    layout_.start_code = stat.field(26);
    layout_.end_code = stat.field(27);
    layout_.start_stack = stat.field(28);
    layout_.start_data = stat.field(45);
    layout_.end_data = stat.field(46);
    layout_.start_brk = stat.field(47);
    layout_.brk = static_cast<std::uint64_t>(syscall(SYS_brk, 0));
    layout_.arg_start = stat.field(48);
    layout_.arg_end = stat.field(49);
    layout_.env_start = stat.field(50);
    layout_.env_end = stat.field(51);
    layout_.exe_fd = static_cast<std::uint32_t>(-1);
    if (prctl(PR_SET_MM, PR_SET_MM_MAP, &layout_, sizeof(layout_), 0) != 0)
        return "this kernel does not let a process say where its arguments are "
               "(CONFIG_CHECKPOINT_RESTORE)";
    return nullptr;
}

}  // namespace spawntpl::warm
