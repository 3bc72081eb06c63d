// SPDX-License-Identifier: MIT
#include "variables.hpp"

#include "interposed.hpp"

#include <cstdlib>
#include <cstring>

#include <sys/auxv.h>
#include <unistd.h>

namespace spawntpl::warm {

Variables variables;

namespace {

using Getenv = char*(const char*);
Getenv* libc_getenv;
Getenv* libc_secure_getenv;

/// The value, if it is the entry of the variable of this name.
const char* value_of(const char* entry, const char* name) {
    std::size_t length = std::strlen(name);
    return std::strncmp(entry, name, length) == 0 && entry[length] == '=' ? entry + length + 1
                                                                          : nullptr;
}

/// As libc does it.
char* record(const char* name) {
    variables.add(name);
    for (char** entry = environ; entry && *entry; ++entry)
        if (const char* value = value_of(*entry, name))
            return const_cast<char*>(value);
    return nullptr;
}

}  // namespace

void Variables::add(const char* name) {
    for (const char* known = first(); known; known = after(known))
        if (std::strcmp(known, name) == 0)
            return;
    std::size_t size = std::strlen(name) + 1;
    if (size == 1)
        return;
    if (size > sizeof(names_) - end_) {
        lost_ = true;
        return;
    }
    std::memcpy(names_ + end_, name, size);
    end_ += size;
}

bool Variables::have(const char* entry) const {
    for (const char* name = first(); name; name = after(name))
        if (value_of(entry, name))
            return true;
    return false;
}

void Variables::stop() {
    libc_getenv = next<Getenv*>("getenv");
    libc_secure_getenv = next<Getenv*>("secure_getenv");
    stopped_ = true;
}

const char* Variables::after(const char* name) const {
    const char* next = name + std::strlen(name) + 1;
    return next < names_ + end_ ? next : nullptr;
}

}  // namespace spawntpl::warm

using spawntpl::warm::variables;

SPAWNTPL_INTERPOSED char* getenv(const char* name) noexcept {
    return variables.are_recorded() ? spawntpl::warm::record(name)
                                    : spawntpl::warm::libc_getenv(name);
}

SPAWNTPL_INTERPOSED char* secure_getenv(const char* name) noexcept {
    if (!variables.are_recorded())
        return spawntpl::warm::libc_secure_getenv(name);
    return getauxval(AT_SECURE) ? nullptr : spawntpl::warm::record(name);
}

// Not what a program has under the name.
extern "C" [[gnu::copy(getenv), gnu::alias("getenv"), gnu::visibility("hidden")]] char*
spawntpl_getenv(const char*);

bool spawntpl::warm::Variables::are_all() const {
    return !lost_ && dlsym(RTLD_DEFAULT, "getenv") == reinterpret_cast<void*>(&spawntpl_getenv);
}
