// SPDX-License-Identifier: MIT
//
// Preloaded into template processes, see userspace/src/backend_warm.cpp. It takes the place of the
// function that the entry point of a program calls: the libraries have been initialised then, the
// program's own constructors and main() are still to come, in each child for itself. A program that
// calls spawntpl_ready() goes on to there.
#include "broker.hpp"
#include "fork_handlers.hpp"
#include "image.hpp"
#include "inspection.hpp"
#include "interposed.hpp"
#include "locale_data.hpp"
#include "private_environment.hpp"
#include "serve.hpp"
#include "variables.hpp"
#include "warm_protocol.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

extern "C" int __cxa_atexit(void (*)(void*), void*, void*);
extern "C" void __cxa_finalize(void* object);
extern "C" int _IO_flush_all();

extern "C" int __libc_start_main(int (*main)(int, char**, char**), int argc, char** argv,
                                 void (*init)(), void (*fini)(), void (*linker_fini)(),
                                 void* stack_end);

namespace {

using spawntpl::detail::WarmPage;
using spawntpl::warm::next;

spawntpl::warm::ForkHandlerList fork_handlers;
decltype(&__cxa_finalize) libc_finalize;

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
    add(static_cast<void* (*)(void*, int, std::size_t)>(&std::memchr));
    // As exit(3) does it, though not by this name.
    add(&_IO_flush_all);
}

// A template process has one image; before main() or spawntpl_ready(), it is still to be taken.
spawntpl::warm::Image image;
const char* why_no_image;
pid_t before_ready;  // who is; 0 afterwards. What it has forked is not

/// Serves; returns in each child. @p at_main: that has all from its request that is not in memory.
spawntpl::detail::WarmPlan become_template(spawntpl::warm::WorkingSet& memory,
                                           const char* const* files, bool at_main) {
    const bool has_broker = spawntpl::warm::has_broker();
    const char* why_not = spawntpl::warm::why_not_copied(has_broker ? spawntpl::detail::warm_broker
                                                                    : spawntpl::detail::warm_page);
    if (!why_not)
        why_not = why_no_image;
    if (!why_not && fork_handlers.are_too_many())
        why_not = "libraries have registered too many handlers of fork(2)";
    fork_handlers.stop();
    // After the look at threads and children of this process, of which a copy has none.
    if (has_broker)
        spawntpl::warm::leave_to_copy(image.thread_id());
    WarmPage* page = map_page();
    if (!page)
        _exit(1);
    if (!why_not && at_main)
        why_not = image.find_changes(*page);
    if (!why_not)
        image.forget_environment(*page);
    return spawntpl::warm::serve(image, memory, why_not, files, *page, fork_handlers);
}

}  // namespace

SPAWNTPL_INTERPOSED int __register_atfork(void (*prepare)(), void (*in_parent)(),
                                          void (*in_child)(), void* object) {
    fork_handlers.add({prepare, in_parent, in_child, object});
    static const auto real = next<decltype(&__register_atfork)>("__register_atfork");
    return real(prepare, in_parent, in_child, object);
}

// What an object that is unloaded calls: its handlers have no code any more.
SPAWNTPL_INTERPOSED void __cxa_finalize(void* object) {
    fork_handlers.remove_those_of(object);
    if (!libc_finalize)
        libc_finalize = next<decltype(&__cxa_finalize)>("__cxa_finalize");
    libc_finalize(object);
}

SPAWNTPL_INTERPOSED int __libc_start_main(int (*main)(int, char**, char**), int argc, char** argv,
                                          void (*init)(), void (*fini)(), void (*linker_fini)(),
                                          void* stack_end) {
    spawntpl::warm::variables.stop();
    // Each child calls it at its end.
    libc_finalize = next<decltype(&__cxa_finalize)>("__cxa_finalize");
    auto real = next<decltype(&__libc_start_main)>("__libc_start_main");
    const char* point = spawntpl::warm::template_point(argv + argc + 1);
    if (!point) {
        fork_handlers.stop();
        return real(main, argc, argv, init, fini, linker_fini, stack_end);
    }

    why_no_image = image.take(argv);
    if (std::strcmp(point, spawntpl::detail::warm_at_ready) == 0) {
        // Neither the program nor what it starts on its way is to know.
        spawntpl::warm::hide_template(argv + argc + 1);
        image.keep_canary();
        before_ready = getpid();
        return real(main, argc, argv, init, fini, linker_fini, stack_end);
    }
    if (std::strcmp(point, spawntpl::detail::warm_at_main_with_locale) == 0)
        spawntpl::warm::load_locale_data();
    spawntpl::warm::WorkingSet memory;
    add_code_of_all_programs(memory, main, real, linker_fini);
    auto plan = become_template(memory, nullptr, true);
    return real(main, static_cast<int>(plan.request->argc), plan.argv, init, fini, linker_fini,
                stack_end);
}

// What spawntpl_ready() of <spawntpl/ready.h> calls, if it is there.
SPAWNTPL_INTERPOSED int spawntpl_warm_ready_1(const char* const* files, int* argc, char*** argv,
                                              char*** envp) {
    if (before_ready != getpid())
        return 0;
    before_ready = 0;
    // Else each child would write what is in the buffers.
    std::fflush(nullptr);
    spawntpl::warm::WorkingSet memory;
    auto plan = become_template(memory, files, false);
    *argc = static_cast<int>(plan.request->argc);
    *argv = plan.argv;
    *envp = plan.envp;
    return 1;
}
