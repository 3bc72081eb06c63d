// SPDX-License-Identifier: MIT
#include "image.hpp"

#include "inspection.hpp"
#include "variables.hpp"

#include <cerrno>
#include <cstring>

#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
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
    if (const char* wrong = find_auxiliary_vector(argv))
        return wrong;
    return read_layout();
}

const char* Image::find_changes(const detail::WarmPage& page) const {
    // As the kernel has laid them out.
    char** entry = envp_;
    auto* end = reinterpret_cast<char*>(static_cast<std::uintptr_t>(layout_.env_end));
    for (auto* at = reinterpret_cast<char*>(static_cast<std::uintptr_t>(layout_.env_start));
         at < end; at += std::strlen(at) + 1)
        if (*entry++ != at)
            return "a library changes the environment before main()";
    if (environ != envp_ || *entry)
        return "a library changes the environment before main()";
    struct stat directory;
    if (page.inode != 0 && (stat(".", &directory) != 0 || directory.st_dev != page.device ||
                            directory.st_ino != page.inode))
        return "a library changes the working directory before main()";
    return nullptr;
}

void Image::forget_environment(const detail::WarmPage& page) const {
    auto* at = reinterpret_cast<char*>(static_cast<std::uintptr_t>(layout_.env_start));
    auto* end = reinterpret_cast<char*>(static_cast<std::uintptr_t>(layout_.env_end));
    for (std::size_t entry = 0; entry < page.entries && at < end; ++entry) {
        std::size_t length = std::strlen(at);
        bool kept = page.keeps(entry) || variables.have(at) ||
                    (page.may_keep(entry) && !variables.are_all());
        if (!kept)
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

void Image::renew_ids() const {
    for (auto* entry = auxiliary_; entry->a_type != AT_NULL; ++entry)
        switch (entry->a_type) {
        case AT_UID:
            entry->a_un.a_val = getuid();
            break;
        case AT_EUID:
            entry->a_un.a_val = geteuid();
            break;
        case AT_GID:
            entry->a_un.a_val = getgid();
            break;
        case AT_EGID:
            entry->a_un.a_val = getegid();
            break;
        }
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

const char* Image::find_auxiliary_vector(char** argv) {
    random_ = reinterpret_cast<unsigned char*>(getauxval(AT_RANDOM));
    char** at = argv;
    while (*at)
        ++at;
    envp_ = ++at;
    while (*at)
        ++at;
    // Where a library has taken something out of the environment, there is more than one.
    while (!*at)
        ++at;
    auxiliary_ = reinterpret_cast<Elf64_auxv_t*>(at);
    auto* entry = auxiliary_;
    for (; entry->a_type != AT_NULL; ++entry)
        if (entry->a_type == AT_RANDOM && random_ && argv[0] &&
            entry->a_un.a_val == reinterpret_cast<std::uintptr_t>(random_))
            break;
    if (entry->a_type == AT_NULL)
        return "the kernel has laid out the stack in an unknown way";
    while (entry->a_type != AT_NULL)
        ++entry;
    layout_.auxv = reinterpret_cast<__u64*>(auxiliary_);
    layout_.auxv_size = static_cast<__u32>((entry + 1 - auxiliary_) * sizeof(*entry));
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
