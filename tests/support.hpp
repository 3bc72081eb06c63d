// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/fd.hpp>
#include <spawntpl/spawntpl.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <fcntl.h>

namespace spawntpl::tests {

/// The directory of the programs under build/bin, found from the test program itself.
std::filesystem::path program_directory();

/// The path of a program of tests/payloads.
std::string payload(const std::string& name);

/// A directory of its own, on the disk, gone with the object.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    ~TemporaryDirectory();

    std::string operator/(const std::string& name) const { return path_ / name; }

    std::string path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// A new cgroup of version 2, gone with the object: nothing may be in it any more.
class CgroupDirectory {
public:
    CgroupDirectory();
    CgroupDirectory(const CgroupDirectory&) = delete;
    ~CgroupDirectory();

    /// None where this program may not make one.
    const Fd& fd() const { return fd_; }

private:
    std::string path_;
    Fd fd_;
};

void write_file(const std::string& path, const std::string& content, mode_t mode = 0644);
std::string read_file(const std::string& path);

/// Copies an executable.
void copy_program(const std::string& from, const std::string& to);

Fd open_null();

struct Pipe {
    Fd read;
    Fd write;
};

Pipe make_pipe();

/// Everything up to the end of file.
std::string read_all(int fd);

/// "device:inode" of a descriptor, as the payload `show` prints it.
std::string identity(int fd);

/// What the payload `show` found in the child.
struct Shown {
    std::vector<std::string> args;
    std::vector<std::string> env;
    std::string cwd;
    std::string execfn;
    SignalSet blocked;
    SignalSet ignored;
    std::map<int, std::string> fds;  ///< number and identity()
};

/// Raises the soft limit of open descriptors; skips nothing: the hard limit has to allow it.
void allow_descriptors(unsigned count);

/// How often to repeat something: more often in the long form of the tests, SPAWNTPL_TEST_LONG=1.
int repetitions(int in_short_form);

/// Restores an environment variable.
class ScopedEnv {
public:
    ScopedEnv(const char* name, const char* value);
    ~ScopedEnv();

private:
    std::string name_;
    std::optional<std::string> old_;
};

/// No test may leave behind a descriptor, a child or a thread.
class CleanTest : public testing::Test {
protected:
    CleanTest();
    ~CleanTest() override;

private:
    std::map<int, std::string> descriptors_;
    std::ptrdiff_t threads_;
};

/// A test that runs with each backend that works here. "warm" is allowed, not forced: what cannot
/// be warm is started otherwise, and no different.
class BackendTest : public CleanTest, public testing::WithParamInterface<std::string> {
protected:
    const std::string& backend() const { return GetParam(); }

    TemplateOptions options() const;

    Result<Template> open(const std::string& program) const {
        return Template::open(program, options());
    }

    /// Checks by which backend a child was started.
    void expect_backend(const Child& child) const;

    /// A Template that must work.
    Template must_open(const std::string& program) const;

    /// Runs to the end a child that must start.
    ExitStatus run(const Template& program, const Command& command = {}) const;

    struct Output {
        std::string text;
        ExitStatus status;
    };

    /// As run(), with standard output in a pipe.
    Output capture(const Template& program, Command command = {}) const;

    /// Runs the payload `show`.
    Shown show(const Command& command = {}) const;
    Shown show(const Template& program, const Command& command) const;

    /// The error of a start that must fail.
    Error failure(const Template& program, const Command& command = {}) const;
};

/// Those that a Template takes without being asked.
std::vector<std::string> available_backends();

/// These, and "warm" where it works.
std::vector<std::string> available_ways();

/// Those that a Supervisor can use here.
std::vector<std::string> event_loops();

std::string backend_test_name(const testing::TestParamInfo<std::string>& info);

}  // namespace spawntpl::tests

/// Runs the tests of a fixture with each way that a Template has to start children.
#define FOR_EACH_WAY(fixture)                                                      \
    INSTANTIATE_TEST_SUITE_P(Backend, fixture,                                     \
                             testing::ValuesIn(spawntpl::tests::available_ways()), \
                             spawntpl::tests::backend_test_name)

/// Runs the tests of a fixture with each backend, by its name.
#define FOR_EACH_BACKEND(fixture)                                                      \
    INSTANTIATE_TEST_SUITE_P(Backend, fixture,                                         \
                             testing::ValuesIn(spawntpl::tests::available_backends()), \
                             spawntpl::tests::backend_test_name)
