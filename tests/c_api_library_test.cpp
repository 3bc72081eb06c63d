// SPDX-License-Identifier: MIT
//
// The C ABI: what belongs to no backend: names, options, structures, and pointers that are null.
#include "c_api_support.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <set>
#include <string>

#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class CApi : public CleanTest {};

TEST_F(CApi, backends_are_those_of_the_library) {
    spawntpl_backend info{};
    info.size = sizeof(info);
    for (std::size_t i = 0; i < backends().size(); ++i) {
        ASSERT_EQ(spawntpl_backend_get(i, &info), 0);
        EXPECT_EQ(info.size, sizeof(info));
        EXPECT_EQ(info.name, backends()[i].name);
        EXPECT_EQ(info.description, backends()[i].description);
        EXPECT_EQ(info.reason == nullptr, backends()[i].available);
        EXPECT_EQ(info.reason ? info.reason : "", backends()[i].reason);
        for (std::size_t j = 0; j < backends()[i].features.size(); ++j)
            EXPECT_EQ(info.features[j], backends()[i].features[j]);
        EXPECT_EQ(info.features[backends()[i].features.size()], nullptr);
    }
    EXPECT_EQ(spawntpl_backend_get(backends().size(), &info), -ENOENT);
    for (std::size_t i = 0; i < backend_features().size(); ++i)
        EXPECT_EQ(spawntpl_backend_features()[i], backend_features()[i]);
    EXPECT_EQ(spawntpl_backend_features()[backend_features().size()], nullptr);
}

TEST_F(CApi, every_step_has_a_number) {
    EXPECT_STREQ(spawntpl_step_name(0), "unknown");
    EXPECT_STREQ(spawntpl_step_name(SPAWNTPL_STEP_CHOOSE_BACKEND), "choose_backend");
    int count = 0;
    for (int i = 0; to_string(static_cast<Step>(i)) != "unknown"; ++i)
        ++count;
    for (int number = 1; number <= count; ++number)
        EXPECT_STRNE(spawntpl_step_name(number), "unknown") << number;
    EXPECT_STREQ(spawntpl_step_name(count + 1), "unknown");
}

TEST_F(CApi, programs_that_cannot_be_found) {
    spawntpl_template* program = nullptr;
    spawntpl_error error = new_error();
    EXPECT_EQ(spawntpl_template_open("/nonexistent", nullptr, &program, &error), -ENOENT);
    EXPECT_EQ(error.step, SPAWNTPL_STEP_RESOLVE_PROGRAM);
    EXPECT_STREQ(error.path, "/nonexistent");
    EXPECT_EQ(spawntpl_template_open("/nonexistent", nullptr, &program, nullptr), -ENOENT);
    EXPECT_EQ(spawntpl_template_from_fd(-1, "x", nullptr, &program, &error), -EBADF);
    spawntpl_template_options options{};
    options.size = sizeof(options);
    options.backend = "magic";
    EXPECT_EQ(spawntpl_template_open("true", &options, &program, &error), -EINVAL);
    EXPECT_EQ(error.step, SPAWNTPL_STEP_CHOOSE_BACKEND);
    EXPECT_EQ(program, nullptr);
}

TEST_F(CApi, null_pointers_are_refused) {
    spawntpl_template* program = nullptr;
    spawntpl_error error = new_error();
    EXPECT_EQ(spawntpl_template_open(nullptr, nullptr, &program, &error), -EINVAL);
    EXPECT_STREQ(error.message,
                 "cannot start a program as requested: Invalid argument (a pointer is null)");
    EXPECT_EQ(spawntpl_template_open("true", nullptr, nullptr, &error), -EINVAL);
    EXPECT_EQ(spawntpl_template_spawn(nullptr, nullptr, nullptr, &error), -EINVAL);
    EXPECT_EQ(spawntpl_template_spawn_all(nullptr, nullptr, 1, nullptr, &error), -EINVAL);
    EXPECT_EQ(spawntpl_child_wait(nullptr, nullptr, &error), -EINVAL);
    EXPECT_EQ(spawntpl_child_kill(nullptr, &error), -EINVAL);
    EXPECT_EQ(spawntpl_command_new(nullptr), -EINVAL);
    EXPECT_EQ(spawntpl_command_arg(nullptr, "x"), -EINVAL);
    CommandPointer command = new_command();
    EXPECT_EQ(spawntpl_command_arg(command.get(), nullptr), -EINVAL);
    EXPECT_EQ(spawntpl_command_args(command.get(), nullptr), -EINVAL);
    EXPECT_EQ(spawntpl_command_groups(command.get(), nullptr, 1), -EINVAL);
    EXPECT_EQ(spawntpl_command_input(command.get(), nullptr, 1), -EINVAL);
    EXPECT_EQ(spawntpl_backend_get(0, nullptr), -EINVAL);
    EXPECT_EQ(spawntpl_command_affinity(command.get(), nullptr, 1), -EINVAL);
    EXPECT_EQ(spawntpl_child_stop_at_end(nullptr, nullptr), -EINVAL);
    spawntpl_template_free(nullptr);
    spawntpl_command_free(nullptr);
    spawntpl_child_free(nullptr);
}

TEST_F(CApi, exceptions_become_errors) {
    CommandPointer command = new_command();
    EXPECT_EQ(spawntpl_command_input(command.get(), "x", SIZE_MAX), -ENOMEM);
}

TEST_F(CApi, warm_starts) {
    spawntpl_template_options options{};
    options.size = sizeof(options);
    auto backend_of_two = [&](const std::string& path) {
        spawntpl_template* made = nullptr;
        spawntpl_error error = new_error();
        EXPECT_EQ(spawntpl_template_open(path.c_str(), &options, &made, &error), 0)
            << error.message;
        TemplatePointer program(made);
        std::set<std::string> seen;
        for (int i = 0; i < 2; ++i) {
            CommandPointer command = new_command({"word"});
            EXPECT_EQ(spawntpl_command_pipe_from_child(command.get(), STDOUT_FILENO), 0);
            spawntpl_child* started = nullptr;
            EXPECT_EQ(spawntpl_template_spawn(program.get(), command.get(), &started, &error), 0);
            ChildPointer child(started);
            read_all(spawntpl_child_pipe(child.get(), STDOUT_FILENO));
            EXPECT_EQ(spawntpl_child_wait(child.get(), nullptr, nullptr), 0);
            EXPECT_EQ(spawntpl_child_has_broker(child.get()), options.broker);
            seen.insert(spawntpl_child_backend(child.get()) + std::string(": ") +
                        spawntpl_child_why_not_warm(child.get()));
        }
        return seen;
    };
    EXPECT_THAT(backend_of_two(payload("ready")), testing::Each(testing::Not(StartsWith("warm"))));
    options.warm = SPAWNTPL_WARM_ALLOWED;
    TemporaryDirectory directory;
    write_file(directory / "script", "#!/bin/sh\n", 0755);
    EXPECT_THAT(backend_of_two(directory / "script"),
                testing::Each(testing::EndsWith(": the program is a script")));
    options.recapture_ms = -1;
    spawntpl_template* program = nullptr;
    spawntpl_error error = new_error();
    EXPECT_EQ(spawntpl_template_open("true", &options, &program, &error), -EINVAL);
    EXPECT_THAT(error.message, HasSubstr("recapture_ms"));
    options.recapture_ms = SPAWNTPL_FOREVER;
    options.broker = 2;
    EXPECT_EQ(spawntpl_template_open("true", &options, &program, &error), -EINVAL);
    EXPECT_THAT(error.message, HasSubstr("broker"));
    options.broker = 1;
    options.warm = SPAWNTPL_WARM_NEVER;
    EXPECT_EQ(spawntpl_template_open("true", &options, &program, &error), -EINVAL);
    EXPECT_THAT(error.message, HasSubstr("broker"));
    options.broker = 0;
    options.warm = SPAWNTPL_WARM_REQUIRED + 1;
    EXPECT_EQ(spawntpl_template_open("true", &options, &program, &error), -EINVAL);
    EXPECT_THAT(error.message, HasSubstr("warm"));
    if (!std::ranges::count(available_ways(), "warm"))
        GTEST_SKIP() << "no warm starts here";
    options.warm = SPAWNTPL_WARM_REQUIRED;
    options.recapture_starts = 1;
    const char* const args[] = {"to the point", nullptr};
    options.ready_args = args;
    EXPECT_THAT(backend_of_two(payload("ready")),
                testing::ElementsAre(std::ranges::count(available_ways(), "kernel-warm")
                                         ? StartsWith("warm: kernel-warm: the kernel does not")
                                         : StartsWith("warm: ")));
    options.broker = 1;
    EXPECT_THAT(backend_of_two(payload("ready")), testing::ElementsAre("warm: "));
}

TEST_F(CApi, structures_of_other_sizes) {
    spawntpl_template* program = nullptr;
    spawntpl_error error = new_error();
    // Forgotten.
    spawntpl_template_options forgotten{};
    EXPECT_EQ(spawntpl_template_open("true", &forgotten, &program, &error), -EINVAL);
    error.size = 0;
    EXPECT_EQ(spawntpl_template_open("true", nullptr, &program, &error), -EINVAL);

    // Of a program built with a newer header.
    struct {
        spawntpl_template_options known;
        std::uint64_t more;
    } options{};
    options.known.size = sizeof(options);
    struct {
        spawntpl_error known;
        std::uint64_t more;
    } newer{.known = new_error(), .more = 7};
    newer.known.size = sizeof(newer);
    ASSERT_EQ(spawntpl_template_open("true", &options.known, &program, &newer.known), 0);
    TemplatePointer owner(program);
    options.more = 1;
    EXPECT_EQ(spawntpl_template_open("true", &options.known, &program, &newer.known), -E2BIG);
    EXPECT_EQ(newer.known.size, sizeof(newer));
    EXPECT_EQ(newer.more, 0U);
    EXPECT_THAT(newer.known.message, HasSubstr("the options' size"));
}

TEST_F(CApi, version_is_three_numbers) {
    EXPECT_THAT(spawntpl_version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace spawntpl::tests
