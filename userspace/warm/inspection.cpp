// SPDX-License-Identifier: MIT
//
// Allocates nothing: the heap is the program's.
#include "inspection.hpp"

#include "lines.hpp"
#include "warm_protocol.hpp"

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

/// Whether a line of /proc/self/maps is of memory that others see the changes of.
bool is_shared_writable(const char* line) {
    const char* rights = std::strchr(line, ' ');
    return rights && std::strlen(rights) > 4 && rights[2] == 'w' && rights[4] == 's';
}

const char* inspect_memory() {
    // The details of the mappings have the lines of /proc/self/maps, too.
    Lines lines("/proc/self/smaps");
    if (!lines.is_open())
        return "/proc/self/smaps cannot be read";
    while (const char* line = lines.next()) {
        if (std::strncmp(line, "VmFlags:", 8) == 0) {
            if (std::strstr(line, " dc"))
                return "the program or a library has memory that a copy of the process would not "
                       "have";
            if (std::strstr(line, " lo"))
                return "the program or a library has locked memory";
        } else if (is_shared_writable(line)) {
            return "the program or a library has memory in common with others";
        }
    }
    return nullptr;
}

const char* inspect_descriptors(int last_own) {
    int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return "/proc/self/fd cannot be read";
    // What getdents64(2) fills in.
    struct Entry {
        std::uint64_t inode;
        std::int64_t offset;
        unsigned short size;
        unsigned char type;
        char name[];
    };
    alignas(Entry) char buffer[2048];
    bool other = false;
    long length;
    while ((length = syscall(SYS_getdents64, directory, buffer, sizeof(buffer))) > 0) {
        for (long at = 0; at < length;) {
            const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
            at += entry->size;
            if (entry->name[0] == '.')
                continue;
            int fd = std::atoi(entry->name);
            other |= fd != directory && fd > last_own;
        }
    }
    close(directory);
    return other ? "the program or a library has opened descriptors" : nullptr;
}

}  // namespace

bool Stat::read() {
    char text[1024];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : ::read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return false;
    text[length] = '\0';
    // The name may have any characters in it.
    char* at = std::strrchr(text, ')');
    if (!at || at[1] == '\0')
        return false;
    at += 2;
    for (std::size_t number = 3; number < fields_.size() && *at; ++number) {
        char* end = at;
        while (*end && *end != ' ')
            ++end;
        fields_[number] = std::strtoull(at, nullptr, 10);
        at = *end ? end + 1 : end;
    }
    return true;
}

const char* why_not_copied(int last_fd) {
    Stat stat;
    if (!stat.read())
        return "/proc/self/stat cannot be read";
    if (stat.field(20) != 1)
        return "the program or a library has started threads";
    siginfo_t info;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0)
        return "the program or a library has started processes";
    itimerval timer;
    for (int kind : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF})
        if (getitimer(static_cast<__itimer_which_t>(kind), &timer) == 0 &&
            (timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0))
            return "the program or a library has set a timer";
    if (Lines timers("/proc/self/timers"); timers.is_open() && timers.next())
        return "the program or a library has made a timer";
    if (const char* wrong = inspect_descriptors(last_fd))
        return wrong;
    return inspect_memory();
}

}  // namespace spawntpl::warm
