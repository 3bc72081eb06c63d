// SPDX-License-Identifier: MIT
//
// Preloaded into template processes, see userspace/src/backend_warm.cpp. It takes the place of the
// function that the entry point of a program calls: the libraries have been initialised then, the
// program's own constructors and main() are still to come, in each child for itself.
#include "image.hpp"
#include "inspection.hpp"
#include "locale_data.hpp"
#include "serve.hpp"
#include "warm_protocol.hpp"

#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

extern "C" int __cxa_atexit(void (*)(void*), void*, void*);

extern "C" int __libc_start_main(int (*main)(int, char**, char**), int argc, char** argv,
                                 void (*init)(), void (*fini)(), void (*linker_fini)(),
                                 void* stack_end);

namespace {

using spawntpl::detail::WarmPage;

#define SPAWNTPL_INTERPOSED extern "C" [[gnu::visibility("default")]]

constexpr std::size_t max_fork_handlers = 64;
spawntpl::warm::ForkHandler fork_handlers[max_fork_handlers];
std::size_t fork_handler_count;

/// Whether the environment, as the kernel gave it, says that this is a template process, and of
/// what kind of a program.
bool is_template(char** envp, bool& uses_locales) {
    constexpr std::size_t length = sizeof(spawntpl::detail::warm_variable) - 1;
    for (; *envp; ++envp)
        if (std::strncmp(*envp, spawntpl::detail::warm_variable, length) == 0 &&
            (*envp)[length] == '=') {
            uses_locales = std::strcmp(*envp + length + 1, spawntpl::detail::warm_with_locale) == 0;
            return true;
        }
    return false;
}

/// It is no part of the children's memory.
WarmPage* map_page() {
    void* page = mmap(nullptr, sizeof(WarmPage), PROT_READ | PROT_WRITE, MAP_SHARED,
                      spawntpl::detail::warm_page, 0);
    if (page == MAP_FAILED || madvise(page, sizeof(WarmPage), MADV_DONTFORK) != 0)
        return nullptr;
    close(spawntpl::detail::warm_page);
    return static_cast<WarmPage*>(page);
}

/// From __libc_start_main() to the end of the process.
void add_code_of_all_programs(spawntpl::warm::WorkingSet& memory, int (*main)(int, char**, char**),
                              decltype(&__libc_start_main) start, void (*linker_fini)()) {
    auto add = [&](auto* function) { memory.add_code(reinterpret_cast<const void*>(function)); };
    add(main);
    add(start);
    add(linker_fini);
    add(&std::exit);
    add(&_exit);
    add(&__cxa_atexit);
    add(&pthread_mutex_lock);
    add(static_cast<void* (*)(void*, const void*, std::size_t)>(&std::memcpy));
}

template <typename Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

SPAWNTPL_INTERPOSED int __register_atfork(void (*prepare)(), void (*in_parent)(),
                                          void (*in_child)(), void* object) {
    if (fork_handler_count < max_fork_handlers)
        fork_handlers[fork_handler_count] = {prepare, in_parent, in_child};
    ++fork_handler_count;
    static const auto real = next<decltype(&__register_atfork)>("__register_atfork");
    return real(prepare, in_parent, in_child, object);
}

SPAWNTPL_INTERPOSED int __libc_start_main(int (*main)(int, char**, char**), int argc, char** argv,
                                          void (*init)(), void (*fini)(), void (*linker_fini)(),
                                          void* stack_end) {
    auto real = next<decltype(&__libc_start_main)>("__libc_start_main");
    bool uses_locales = false;
    if (!is_template(argv + argc + 1, uses_locales))
        return real(main, argc, argv, init, fini, linker_fini, stack_end);

    spawntpl::warm::Image image;
    const char* why_not = spawntpl::warm::why_not_copied();
    if (uses_locales)
        spawntpl::warm::load_locale_data();
    if (!why_not)
        why_not = image.take(argv);
    if (!why_not && fork_handler_count > max_fork_handlers)
        why_not = "libraries have registered too many handlers of fork(2)";
    WarmPage* page = map_page();
    if (!page)
        _exit(1);
    spawntpl::warm::WorkingSet memory;
    add_code_of_all_programs(memory, main, real, linker_fini);
    auto plan =
        spawntpl::warm::serve(image, memory, why_not, *page, {fork_handlers, fork_handler_count});
    return real(main, static_cast<int>(plan.request->argc), plan.argv, init, fini, linker_fini,
                stack_end);
}
