// SPDX-License-Identifier: MIT
//
// Children that are copies of an image which the kernel keeps: what they have, when they are cold,
// and when the image is made anew.
#include "faults.hpp"
#include "warm_support.hpp"

#include <algorithm>
#include <sstream>
#include <thread>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class KernelWarm : public WarmTest {
protected:
    void SetUp() override {
        if (!std::ranges::count(available_ways(), "kernel-warm"))
            GTEST_SKIP() << "the kernel has no warm templates";
    }

    /// By the kernel or not at all, but for what it starts cold by itself.
    static Template forced(const std::string& program, Recapture recapture = {}) {
        return value_or_throw(
            Template::open(program, {.backend = "kernel-warm", .recapture = recapture}));
    }

    static Template any(const std::string& program) {
        return value_or_throw(Template::open(program, {.warm = Warm::allowed}));
    }

    /// The backend of a child, and why it is not warm.
    static std::pair<std::string, std::string> how(const Template& program,
                                                   const Command& command = {}) {
        auto child = value_or_throw(program.spawn(command));
        EXPECT_TRUE(value_or_throw(child.wait()).success());
        return {std::string(child.backend()), child.why_not_warm()};
    }

    static void expect_warm(const Template& program, const Command& command = {}) {
        auto [backend, why] = how(program, command);
        EXPECT_EQ(backend, "kernel-warm") << why;
        EXPECT_EQ(why, "");
    }

    /// The warm starts of each image that this process keeps, as the kernel counts them.
    static std::vector<int> starts_of_images() {
        constexpr std::string_view field = "warm-starts:\t";
        std::vector<int> counts;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
            std::error_code gone;
            auto file = "/proc/self/fd" / entry.path().filename();
            if (std::filesystem::read_symlink(file, gone) != "anon_inode:[spawn_template]")
                continue;
            std::string info = read_file(entry.path());
            if (std::size_t at = info.find(field); at != info.npos)
                counts.push_back(std::stoi(info.substr(at + field.size())));
        }
        return counts;
    }
};

TEST_F(KernelWarm, child_is_a_copy_of_the_image_and_leaves_no_process) {
    Template program = any("/bin/true");
    expect_warm(program);
    expect_warm(program);
    EXPECT_THAT(starts_of_images(), ElementsAre(2));
    EXPECT_THAT(children(), IsEmpty());
}

TEST_F(KernelWarm, static_program_can_be_warm) {
    expect_warm(forced(payload("exit0")));
}

TEST_F(KernelWarm, is_the_same_as_an_exec) {
    Template cat = forced("/bin/cat");
    for (const char* file : {"limits", "cgroup", "cmdline", "environ", "comm", "oom_score_adj"}) {
        Command command({std::string("/proc/self/") + file});
        Output expected = start(cold("/bin/cat"), command), output = start(cat, command);
        EXPECT_EQ(output.backend, "kernel-warm");
        EXPECT_EQ(output.out, expected.out) << file;
    }
    Template secrets = forced(payload("secrets"));
    EXPECT_NE(start(secrets).out, start(secrets).out);
}

// --- which backend serves what ------------------------------------------------------------------

struct Choice {
    const char* forced;
    Warm warm;
    bool ready_args;
    const char* served;  ///< the backend of the child, or "!" and a part of the error
};

std::string name_of(const Choice& choice) {
    return std::string(*choice.forced ? choice.forced : "any") + ", " +
           (choice.warm == Warm::never     ? "never"
            : choice.warm == Warm::allowed ? "allowed"
                                           : "required") +
           (choice.ready_args ? ", ready" : "");
}

constexpr const char* not_ready = "!the kernel does not copy a program that has come to";

constexpr Choice choices[] = {
    {"", Warm::never, false, "kernel"},
    {"", Warm::allowed, false, "kernel-warm"},
    {"", Warm::required, false, "kernel-warm"},
    {"", Warm::never, true, "kernel"},
    {"", Warm::allowed, true, "warm"},
    {"", Warm::required, true, "warm"},
    {"kernel", Warm::never, false, "kernel"},
    {"kernel", Warm::allowed, false, "kernel-warm"},
    {"kernel", Warm::required, false, "kernel-warm"},
    {"kernel", Warm::required, true, "warm"},
    {"kernel", Warm::allowed, true, "warm"},
    {"kernel-warm", Warm::never, false, "kernel-warm"},
    {"kernel-warm", Warm::allowed, false, "kernel-warm"},
    {"kernel-warm", Warm::required, false, "kernel-warm"},
    {"kernel-warm", Warm::never, true, not_ready},
    {"kernel-warm", Warm::allowed, true, not_ready},
    {"kernel-warm", Warm::required, true, not_ready},
    {"warm", Warm::never, false, "warm"},
    {"warm", Warm::allowed, false, "warm"},
    {"warm", Warm::required, false, "warm"},
    {"warm", Warm::never, true, "warm"},
    {"warm", Warm::allowed, true, "warm"},
    {"clone3", Warm::never, false, "clone3"},
    {"clone3", Warm::allowed, false, "warm"},
    {"clone3", Warm::required, false, "warm"},
    {"clone3", Warm::allowed, true, "warm"},
    {"posix_spawn", Warm::never, false, "posix_spawn"},
    {"posix_spawn", Warm::allowed, false, "warm"},
    {"posix_spawn", Warm::required, false, "warm"},
};

TEST_F(KernelWarm, table_of_forced_backend_option_and_ready_args) {
    for (bool by_variable : {false, true})
        for (const Choice& choice : choices) {
            SCOPED_TRACE(name_of(choice) + (by_variable ? ", by the variable" : ""));
            ScopedEnv variable("SPAWNTPL_BACKEND", by_variable ? choice.forced : nullptr);
            TemplateOptions options{.warm = choice.warm};
            if (!by_variable)
                options.backend = choice.forced;
            if (choice.ready_args)
                options.ready_args = {"to the point"};
            auto program = Template::open(payload("ready"), options);
            if (*choice.served == '!') {
                ASSERT_FALSE(program);
                EXPECT_EQ(program.error().code, std::errc::not_supported);
                EXPECT_EQ(program.error().step, Step::choose_backend);
                EXPECT_THAT(program.error().message(), HasSubstr(choice.served + 1));
                continue;
            }
            ASSERT_TRUE(program) << program.error().message();
            for (int i = 0; i < 2; ++i)
                EXPECT_EQ(how(*program, Command({"x"}).null(1)).first, choice.served);
        }
}

TEST_F(KernelWarm, what_the_kernel_cannot_start_warm_is_started_by_a_process) {
    Template program = any("/bin/true");
    auto [backend, why] = how(program, Command().no_new_privileges());
    EXPECT_EQ(backend, "warm");
    EXPECT_EQ(why, "kernel-warm: it cannot do: no new privileges");
    rlimit own;
    ASSERT_EQ(getrlimit(RLIMIT_STACK, &own), 0);
    Command other, same;
    other.limit(RLIMIT_STACK, 4 << 20, own.rlim_max);
    std::tie(backend, why) = how(program, other);
    EXPECT_EQ(backend, "kernel");
    EXPECT_THAT(why, StartsWith("kernel-warm: the limit of stack, data or address space"));
    EXPECT_THAT(why, HasSubstr("; warm: "));
    expect_warm(program, same.limit(RLIMIT_STACK, own.rlim_cur, own.rlim_max));

    std::tie(backend, why) = how(any("/bin/true"), Command().return_early());
    EXPECT_EQ(backend, "kernel-warm") << why;
}

TEST_F(KernelWarm, programs_that_are_never_warm_say_why) {
    TemporaryDirectory directory;
    write_file(directory / "script", "#!/bin/sh\n", 0755);
    EXPECT_EQ(how(any(directory / "script")).second,
              "kernel-warm: the program is a script; warm: the program is a script");
    copy_program("/bin/true", directory / "rights");
    ASSERT_EQ(chmod((directory / "rights").c_str(), 04755), 0);
    auto program = Template::open(directory / "rights", {.backend = "kernel-warm"});
    ASSERT_FALSE(program);
    EXPECT_EQ(program.error().code, std::errc::not_supported);
    EXPECT_THAT(program.error().message(), HasSubstr("gains rights at its start"));
}

// --- what the kernel starts cold ----------------------------------------------------------------

TEST_F(KernelWarm, arguments_without_room_are_started_cold_by_the_kernel) {
    Template program = forced("/bin/true");
    expect_warm(program);
    auto [backend, why] = how(program, Command({std::string(130'000, 'x')}));
    EXPECT_EQ(backend, "kernel");
    EXPECT_THAT(why, HasSubstr("do not fit into the image"));
    // The image is as good as it was.
    expect_warm(program);
    EXPECT_THAT(starts_of_images(), ElementsAre(2));
}

TEST_F(KernelWarm, what_is_required_to_be_warm_is_not_started_cold_by_the_kernel) {
    Command large({std::string(130'000, 'x')});
    auto only = value_or_throw(
        Template::open("/bin/true", {.backend = "kernel-warm", .warm = Warm::required}));
    expect_warm(only);
    auto refused = only.spawn(large);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, std::errc::not_supported);
    EXPECT_EQ(refused.error().step, Step::choose_backend);
    EXPECT_THAT(refused.error().message(), HasSubstr("do not fit into the image"));
    expect_warm(only);
    EXPECT_THAT(starts_of_images(), ElementsAre(2));

    // A process cannot start what is larger still, but something else.
    auto both = value_or_throw(Template::open("/bin/true", {.warm = Warm::required}));
    expect_warm(both);
    EXPECT_EQ(how(both, large).first, "warm");
    refused = both.spawn(Command({std::string(130'000, 'x'), std::string(130'000, 'y')}));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("; kernel-warm: "));
    EXPECT_EQ(how(both, Command().no_new_privileges()).first, "warm");
    expect_warm(both, Command().parent_death_signal(SIGTERM));

    expect_warm(value_or_throw(Template::open(payload("exit0"), {.warm = Warm::required})));
    TemporaryDirectory directory;
    write_file(directory / "script", "#!/bin/sh\n", 0755);
    auto script = Template::open(directory / "script", {.warm = Warm::required});
    ASSERT_FALSE(script);
    EXPECT_THAT(script.error().message(), HasSubstr("the program is a script"));
}

TEST_F(KernelWarm, caller_that_changes_is_started_cold_once_and_captured_anew) {
    in_another_process([] {
        Template program = forced("/bin/true");
        expect_warm(program);
        ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        auto [backend, why] = how(program);
        EXPECT_EQ(backend, "kernel");
        EXPECT_THAT(why, HasSubstr("no_new_privs"));
        expect_warm(program);
        rlimit limit;
        ASSERT_EQ(getrlimit(RLIMIT_STACK, &limit), 0);
        limit.rlim_cur = 4 << 20;
        ASSERT_EQ(setrlimit(RLIMIT_STACK, &limit), 0);
        EXPECT_THAT(how(program).second, HasSubstr("the limit of stack"));
        expect_warm(program);
        EXPECT_THAT(starts_of_images(), ElementsAre(1));
    });
}

TEST_F(KernelWarm, administrator_who_forbids_it_is_obeyed) {
    Fd setting(open("/proc/sys/fs/spawn_template_warm", O_WRONLY | O_CLOEXEC));
    if (!setting)
        GTEST_SKIP() << "only root can change a setting";
    Template program = forced("/bin/true");
    expect_warm(program);
    ASSERT_EQ(pwrite(setting.get(), "0\n", 2, 0), 2);
    auto [backend, why] = how(program);
    EXPECT_EQ(backend, "kernel");
    EXPECT_THAT(why, HasSubstr("the administrator forbids"));
    auto child = program.spawn();
    ASSERT_FALSE(child);
    EXPECT_THAT(child.error().message(), HasSubstr("the administrator forbids"));
    EXPECT_NE(how(any("/bin/true")).first, "kernel-warm");
    EXPECT_EQ(pwrite(setting.get(), "1\n", 2, 0), 2);
}

TEST_F(KernelWarm, constructor_that_does_what_no_copy_shows) {
    Template program = any("/bin/true");
    Command command;
    command.set_env("LD_PRELOAD", payload("libconstructor.so")).set_env("CONSTRUCTOR", "umask");
    std::string why = how(program, command).second;
    EXPECT_THAT(why, HasSubstr("kernel-warm: a library makes system call 95 before"));
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(how(program, command).first, "kernel");
}

// --- what makes an image unfit ------------------------------------------------------------------

TEST_F(KernelWarm, name_and_environment_are_captured_anew) {
    Template env = forced("/usr/bin/env");
    Command command;
    command.env({"A=1", "B=2"});
    EXPECT_EQ(start(env, command).out, "A=1\nB=2\n");
    // Nobody reads these before the program does.
    EXPECT_EQ(start(env, command.env({"C=3"})).out, "C=3\n");
    EXPECT_THAT(starts_of_images(), ElementsAre(2));
    expect_warm(env, Command(command).set_env("LC_ALL", "C.UTF-8").null(1));
    EXPECT_THAT(starts_of_images(), ElementsAre(1));
    expect_warm(env, Command(command).arg0("other").null(1));
    EXPECT_THAT(starts_of_images(), ElementsAre(1));
}

TEST_F(KernelWarm, prepared_environment_is_not_that_of_the_first_start) {
    auto program = value_or_throw(Template::open(
        "/usr/bin/env", {.backend = "kernel-warm", .env = Environment({"PREPARED=1"})}));
    EXPECT_EQ(start(program, Command().env({"OWN=1"})).out, "OWN=1\n");
    Output output = start(program);
    EXPECT_EQ(output.out, "PREPARED=1\n");
    EXPECT_EQ(output.backend, "kernel-warm");
}

TEST_F(KernelWarm, changed_program_is_the_one_that_runs) {
    TemporaryDirectory directory;
    copy_program("/bin/true", directory / "program");
    Template program = forced(directory / "program");
    EXPECT_TRUE(start(program).success());
    for (const char* other : {"/bin/false", "/bin/true", "/bin/false"}) {
        copy_program(other, directory / "new");
        std::filesystem::rename(directory / "new", directory / "program");
        Output output = start(program);
        EXPECT_EQ(output.backend, "kernel-warm");
        EXPECT_EQ(output.success(), std::string_view(other) == "/bin/true");
    }
    std::filesystem::remove(directory / "program");
    EXPECT_FALSE(spawntpl::run(program, {}));
}

TEST_F(KernelWarm, library_that_appears_earlier_in_the_path_is_the_one_that_runs) {
    TemporaryDirectory directory;
    copy_program(payload("version"), directory / "version");
    for (const char* place : {"early", "late"})
        std::filesystem::create_directory(directory / place);
    copy_program(payload("libversion.so"), directory / "late/libversion.so");
    Template program = forced(directory / "version");
    Command command;
    command.set_env("LD_LIBRARY_PATH", (directory / "early:") + (directory / "late"));
    std::string first = start(program, command).out;
    EXPECT_EQ(first, "version 0000\n");
    std::string content = read_file(payload("libversion.so"));
    for (std::size_t at = 0; (at = content.find("version 0000", at)) != std::string::npos; ++at)
        content.replace(at, 12, "version 0001");
    write_file(directory / "early/libversion.so", content, 0755);
    for (const char* backend : {"kernel", "kernel-warm"}) {
        Output output = start(program, command);
        EXPECT_EQ(output.out, "version 0001\n");
        EXPECT_EQ(output.backend, backend);
    }
}

TEST_F(KernelWarm, what_is_required_to_be_warm_is_captured_anew_at_once) {
    TemporaryDirectory directory;
    copy_program(payload("version"), directory / "version");
    copy_program(payload("libversion.so"), directory / "first.so");
    copy_program(payload("libversion.so"), directory / "second.so");
    std::filesystem::create_symlink("first.so", directory / "libversion.so");
    auto program = value_or_throw(
        Template::open(directory / "version", {.backend = "kernel-warm", .warm = Warm::required}));
    Command command;
    command.set_env("LD_LIBRARY_PATH", directory.path()).null(STDOUT_FILENO);
    expect_warm(program, command);
    std::filesystem::create_symlink("second.so", directory / "new");
    std::filesystem::rename(directory / "new", directory / "libversion.so");
    expect_warm(program, command);
    EXPECT_THAT(starts_of_images(), ElementsAre(1));
}

TEST_F(KernelWarm, captures_anew_as_often_as_it_is_told) {
    for (std::uint64_t most : {1, 2, 3}) {
        Template program = forced("/bin/true", {.starts = most});
        for (std::uint64_t i = 0; i < 7; ++i) {
            expect_warm(program);
            EXPECT_THAT(starts_of_images(), ElementsAre(static_cast<int>(i % most) + 1));
        }
    }
    Template program = forced("/bin/true", {.age = std::chrono::milliseconds(1)});
    for (int i = 0; i < 3; ++i) {
        expect_warm(program);
        EXPECT_THAT(starts_of_images(), ElementsAre(1));
        usleep(2'000);
    }
    for (Recapture longest :
         {Recapture{.age = std::chrono::milliseconds::max()}, Recapture{.starts = UINT64_MAX}})
        expect_warm(forced("/bin/true", longest));
}

// --- who starts ---------------------------------------------------------------------------------

TEST_F(KernelWarm, copy_of_the_owner_has_an_image_of_its_own) {
    Template program = forced("/bin/true");
    expect_warm(program);
    in_another_process([&] {
        expect_warm(program);
        expect_warm(program);
    });
    expect_warm(program);
    EXPECT_THAT(starts_of_images(), ElementsAre(2));
}

TEST_F(KernelWarm, threads_start_from_one_image) {
    Template program = any("/bin/true");
    expect_warm(program);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int start = 0; start < 25; ++start)
                expect_warm(program);
        });
    threads.clear();
    EXPECT_THAT(starts_of_images(), ElementsAre(101));
}

TEST_F(KernelWarm, others_do_not_wait_for_a_capture_nor_make_another) {
    Template program = any("/bin/true");
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            auto [backend, why] = how(program);
            if (backend == "kernel-warm") {
                EXPECT_EQ(why, "");
            } else {
                EXPECT_EQ(backend, "kernel");
                EXPECT_EQ(why, "kernel-warm: the program is being captured");
            }
        });
    threads.clear();
    EXPECT_THAT(children(), IsEmpty());
}

TEST_F(KernelWarm, ends_of_children_may_be_ignored) {
    signal(SIGCHLD, SIG_IGN);
    Template program = any("/bin/true");
    auto child = program.spawn();
    signal(SIGCHLD, SIG_DFL);
    ASSERT_TRUE(child) << child.error().message();
    EXPECT_EQ(child->backend(), "kernel-warm") << child->why_not_warm();
    static_cast<void>(child->wait());
}

TEST_F(KernelWarm, first_process_of_a_pid_namespace_is_the_callers_child) {
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can make namespaces anywhere";
    in_another_process([] {
        Template program = any("/bin/sh");
        ASSERT_EQ(unshare(CLONE_NEWPID), 0);
        EXPECT_EQ(start(program, Command({"-c", "exit $$"})).status, ExitStatus::exited(1));
    });
}

// --- failures of system calls -------------------------------------------------------------------

class KernelWarmFaults : public KernelWarm {
protected:
    static void expect_clean_starts(const std::string& path, const Command& command) {
        TemplateOptions options{.warm = Warm::allowed, .env = Environment({"A=1"})};
        // What is not warm is started by a process, or cold.
        constexpr bool another_way = true;
        expect_clean_failures(
            [&]() -> Outcome {
                Template program = value_or_throw(Template::open(path, options));
                auto child = in_window([&] { return program.spawn(command); });
                if (!child)
                    return {std::move(child.error()), {}};
                std::string text = read_all(child->pipe(STDOUT_FILENO));
                auto status = child->wait();
                return {std::nullopt, text + (status && status->success() ? "" : "[no success]")};
            },
            another_way);
    }
};

TEST_F(KernelWarmFaults, capture_of_a_static_program) {
    expect_clean_starts(payload("exit0"), Command().pipe_from_child(STDOUT_FILENO));
}

TEST_F(KernelWarmFaults, capture_of_a_linked_program) {
    expect_clean_starts("/bin/echo", Command({"word"}).pipe_from_child(STDOUT_FILENO));
}

}  // namespace
}  // namespace spawntpl::tests
