// SPDX-License-Identifier: MIT
#include "c_api_support.hpp"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

namespace spawntpl::tests {

spawntpl_error new_error() {
    spawntpl_error error{};
    error.size = sizeof(error);
    return error;
}

spawntpl_status new_status() {
    spawntpl_status status{};
    status.size = sizeof(status);
    return status;
}

CommandPointer new_command() {
    spawntpl_command* command = nullptr;
    EXPECT_EQ(spawntpl_command_new(&command), 0);
    return CommandPointer(command);
}

CommandPointer new_command(std::vector<const char*> args) {
    CommandPointer command = new_command();
    args.push_back(nullptr);
    EXPECT_EQ(spawntpl_command_args(command.get(), args.data()), 0);
    return command;
}

spawntpl_template_options CApiTest::c_options() const {
    spawntpl_template_options options{};
    options.size = sizeof(options);
    options.backend = backend().c_str();
    return options;
}

TemplatePointer CApiTest::c_open(const std::string& program) const {
    spawntpl_template_options options = c_options();
    spawntpl_template* result = nullptr;
    spawntpl_error error = new_error();
    EXPECT_EQ(spawntpl_template_open(program.c_str(), &options, &result, &error), 0)
        << error.message;
    return TemplatePointer(result);
}

ChildPointer CApiTest::start(const std::string& program, const CommandPointer& command) const {
    TemplatePointer opened = c_open(program);
    return start(opened.get(), command.get());
}

ChildPointer CApiTest::start(const spawntpl_template* program,
                             const spawntpl_command* command) const {
    spawntpl_child* child = nullptr;
    spawntpl_error error = new_error();
    EXPECT_EQ(spawntpl_template_spawn(program, command, &child, &error), 0) << error.message;
    return ChildPointer(child);
}

spawntpl_error CApiTest::c_failure(const std::string& program,
                                   const CommandPointer& command) const {
    TemplatePointer opened = c_open(program);
    spawntpl_child* child = nullptr;
    spawntpl_error error = new_error();
    EXPECT_LT(spawntpl_template_spawn(opened.get(), command.get(), &child, &error), 0);
    EXPECT_EQ(child, nullptr);
    return error;
}

std::string CApiTest::output(const std::string& program, const CommandPointer& command) const {
    EXPECT_EQ(spawntpl_command_pipe_from_child(command.get(), STDOUT_FILENO), 0);
    ChildPointer child = start(program, command);
    std::string text = read_all(spawntpl_child_pipe(child.get(), STDOUT_FILENO));
    spawntpl_status status = new_status();
    EXPECT_EQ(spawntpl_child_wait(child.get(), &status, nullptr), 0);
    EXPECT_EQ(status.code, 0);
    return text;
}

std::string CApiTest::shell(const char* script, const CommandPointer& command) const {
    const char* args[] = {"-c", script, nullptr};
    EXPECT_EQ(spawntpl_command_args(command.get(), args), 0);
    return output("/bin/sh", command);
}

bool CApiTest::can(const char* feature, const CommandPointer& command) const {
    const auto& info = *std::ranges::find(backends(), backend(), &BackendInfo::name);
    if (std::ranges::count(info.features, feature))
        return true;
    spawntpl_error error = c_failure(payload("exit0"), command);
    EXPECT_EQ(error.code, ENOTSUP);
    EXPECT_EQ(error.step, SPAWNTPL_STEP_CHOOSE_BACKEND);
    EXPECT_STREQ(error.path, backend().c_str());
    return false;
}

FOR_EACH_BACKEND(CApiTest);

}  // namespace spawntpl::tests
