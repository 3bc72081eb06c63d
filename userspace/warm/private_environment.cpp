// SPDX-License-Identifier: MIT
#include "private_environment.hpp"

#include "warm_protocol.hpp"

#include <cstring>

#include <fcntl.h>

namespace spawntpl::warm {

namespace {

/// The value, if it is the variable of this name.
char* value_of(char* entry, const char* name) {
    std::size_t length = std::strlen(name);
    return std::strncmp(entry, name, length) == 0 && entry[length] == '=' ? entry + length + 1
                                                                          : nullptr;
}

/// The library's object is the first. Whether there are others.
bool drop_own_object(char* preload) {
    char* rest = std::strchr(preload, ' ');
    if (rest)
        std::memmove(preload, rest + 1, std::strlen(rest));
    return rest != nullptr;
}

bool is_private(char* entry) {
    if (char* preload = value_of(entry, "LD_PRELOAD"))
        return !drop_own_object(preload);
    return value_of(entry, "LD_BIND_NOW") || value_of(entry, detail::warm_variable);
}

}  // namespace

const char* template_point(char** envp) {
    for (; *envp; ++envp)
        if (const char* value = value_of(*envp, detail::warm_variable))
            return value;
    return nullptr;
}

void hide_template(char** envp) {
    char** kept = envp;
    for (; *envp; ++envp)
        if (!is_private(*envp))
            *kept++ = *envp;
    *kept = nullptr;
    for (int fd = detail::warm_socket; fd <= detail::warm_page; ++fd)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

}  // namespace spawntpl::warm
