// SPDX-License-Identifier: MIT
#include "locale_data.hpp"

#include <cstdlib>
#include <cwchar>

#include <locale.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

locale_t load() {
    return newlocale(LC_ALL_MASK, "", nullptr);
}

/// Libc remembers that a locale is missing: that is not for children to inherit.
bool can_be_loaded() {
    constexpr int without_a_signal = 0;
    long pid = syscall(SYS_clone, without_a_signal, nullptr, nullptr, nullptr, 0);
    if (pid == 0)
        _exit(load() ? 0 : 1);
    int status;
    return pid > 0 && waitpid(static_cast<pid_t>(pid), &status, __WALL) == pid && status == 0;
}

}  // namespace

void load_locale_data() {
    if (std::getenv("LOCPATH") || !can_be_loaded())
        return;
    locale_t locale = load();
    if (!locale)
        return;
    // The tables of its character set come with their first use.
    locale_t before = uselocale(locale);
    wchar_t wide;
    std::mbstate_t state{};
    std::mbrtowc(&wide, "a", 1, &state);
    uselocale(before);
}

}  // namespace spawntpl::warm
