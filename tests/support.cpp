// SPDX-License-Identifier: MIT
#include "support.hpp"

#include "warm_support.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {

namespace {

/// Ends the test program: what the tests themselves stand on is broken.
void require(bool condition, const std::string& what) {
    if (condition)
        return;
    ADD_FAILURE() << what << ": " << std::generic_category().message(errno);
    std::abort();
}

std::map<int, std::string> open_descriptors() {
    std::map<int, std::string> result;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        int fd = std::stoi(entry.path().filename());
        std::error_code closed;
        std::string target = std::filesystem::read_symlink(entry.path(), closed);
        // The iterator's own is listed, too.
        if (!target.ends_with("/fd"))
            result[fd] = target;
    }
    return result;
}

std::ptrdiff_t count_threads() {
    std::filesystem::directory_iterator threads("/proc/self/task");
    return std::distance(begin(threads), end(threads));
}

/// Whether no more threads are left than @p count; one that was joined may still be on its way out.
bool threads_have_ended(std::ptrdiff_t count) {
    for (int tries = 0; tries < 10'000; ++tries) {
        if (count_threads() <= count)
            return true;
        usleep(1000);
    }
    return false;
}

Shown parse_shown(const std::string& text) {
    Shown shown;
    std::istringstream stream(text);
    std::string name, value;
    auto signals = [&] {
        SignalSet set;
        for (int signal = 1; signal <= 64; ++signal)
            if (std::stoull(value, nullptr, 16) >> (signal - 1) & 1)
                set.add(signal);
        return set;
    };
    while (std::getline(stream, name, '\0') && std::getline(stream, value, '\0')) {
        if (name == "arg")
            shown.args.push_back(value);
        else if (name == "env")
            shown.env.push_back(value);
        else if (name == "cwd")
            shown.cwd = value;
        else if (name == "execfn")
            shown.execfn = value;
        else if (name == "blocked")
            shown.blocked = signals();
        else if (name == "ignored")
            shown.ignored = signals();
        else if (name == "fd")
            shown.fds[std::stoi(value)] = value.substr(value.find(' ') + 1);
        else
            ADD_FAILURE() << "show printed '" << name << "'";
    }
    return shown;
}

}  // namespace

std::filesystem::path program_directory() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

std::string payload(const std::string& name) {
    return program_directory() / "payloads" / name;
}

TemporaryDirectory::TemporaryDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "spawntpl-XXXXXX";
    require(mkdtemp(name.data()) != nullptr, "mkdtemp");
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::filesystem::remove_all(path_);
}

CgroupDirectory::CgroupDirectory() {
    for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
        std::string path = std::string(root) + "/spawntpl-" + std::to_string(getpid());
        struct statfs system;
        if (statfs(root, &system) == 0 && system.f_type == CGROUP2_SUPER_MAGIC &&
            mkdir(path.c_str(), 0755) == 0) {
            path_ = path;
            fd_ = Fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        }
    }
}

CgroupDirectory::~CgroupDirectory() {
    if (!path_.empty())
        rmdir(path_.c_str());
}

void write_file(const std::string& path, const std::string& content, mode_t mode) {
    Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    require(fd && write(fd.get(), content.data(), content.size()) == std::ssize(content) &&
                fchmod(fd.get(), mode) == 0,
            "write " + path);
}

std::string read_file(const std::string& path) {
    Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    require(static_cast<bool>(fd), "open " + path);
    return read_all(fd.get());
}

void copy_program(const std::string& from, const std::string& to) {
    write_file(to, read_file(from), 0755);
}

Fd open_null() {
    return Fd(open("/dev/null", O_RDWR | O_CLOEXEC));
}

Pipe make_pipe() {
    int fds[2];
    require(pipe2(fds, O_CLOEXEC) == 0, "pipe2");
    return {Fd(fds[0]), Fd(fds[1])};
}

std::string read_all(int fd) {
    std::string text;
    char buffer[65536];
    ssize_t length;
    while ((length = read(fd, buffer, sizeof(buffer))) > 0)
        text.append(buffer, static_cast<std::size_t>(length));
    require(length == 0, "read");
    return text;
}

std::string identity(int fd) {
    struct stat status;
    require(fstat(fd, &status) == 0, "fstat");
    return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

void allow_descriptors(unsigned count) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, count);
    require(setrlimit(RLIMIT_NOFILE, &limit) == 0, "RLIMIT_NOFILE of " + std::to_string(count));
}

int repetitions(int in_short_form) {
    return getenv("SPAWNTPL_TEST_LONG") ? 50 * in_short_form : in_short_form;
}

ScopedEnv::ScopedEnv(const char* name, const char* value) : name_(name) {
    if (const char* old = getenv(name))
        old_ = old;
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

ScopedEnv::~ScopedEnv() {
    if (old_)
        setenv(name_.c_str(), old_->c_str(), 1);
    else
        unsetenv(name_.c_str());
}

CleanTest::CleanTest() : descriptors_(open_descriptors()) {
    // With the first thread of a program, the thread sanitizer starts one of its own.
    static const bool started = (std::jthread([] {}), true);
    static_cast<void>(started);
    threads_ = count_threads();
}

CleanTest::~CleanTest() {
    EXPECT_EQ(open_descriptors(), descriptors_);
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG | __WALL), -1) << "a child was left behind";
    EXPECT_TRUE(threads_have_ended(threads_)) << "a thread was left behind";
}

TemplateOptions BackendTest::options() const {
    if (backend() == "warm")
        return warm_by_process();
    if (backend() == "kernel-warm")
        return {.warm = Warm::allowed};
    return {.backend = backend()};
}

void BackendTest::expect_backend(const Child& child) const {
    if (child.why_not_warm().empty())
        EXPECT_EQ(child.backend(), backend());
    else
        EXPECT_NE(child.backend(), backend()) << child.why_not_warm();
}

Template BackendTest::must_open(const std::string& program) const {
    auto result = open(program);
    require(result.has_value(), result ? "" : result.error().message());
    return *result;
}

ExitStatus BackendTest::run(const Template& program, const Command& command) const {
    auto child = program.spawn(command);
    require(child.has_value(), child ? "" : child.error().message());
    expect_backend(*child);
    auto status = child->wait();
    require(status.has_value(), status ? "" : status.error().message());
    return *status;
}

BackendTest::Output BackendTest::capture(const Template& program, Command command) const {
    Pipe pipe = make_pipe();
    command.fd(STDOUT_FILENO, pipe.write.get());
    auto child = program.spawn(command);
    require(child.has_value(), child ? "" : child.error().message());
    pipe.write.reset();
    std::string text = read_all(pipe.read.get());
    auto status = child->wait();
    require(status.has_value(), status ? "" : status.error().message());
    return {std::move(text), *status};
}

Shown BackendTest::show(const Command& command) const {
    return show(must_open(payload("show")), command);
}

Shown BackendTest::show(const Template& program, const Command& command) const {
    Output output = capture(program, command);
    EXPECT_EQ(output.status, ExitStatus::exited(0));
    return parse_shown(output.text);
}

Error BackendTest::failure(const Template& program, const Command& command) const {
    auto child = program.spawn(command);
    if (child) {
        ADD_FAILURE() << "the start should have failed";
        static_cast<void>(child->wait());
        return {};
    }
    return child.error();
}

std::vector<std::string> available_backends() {
    std::vector<std::string> names;
    for (const BackendInfo& info : backends())
        if (info.available && !info.only_on_request)
            names.emplace_back(info.name);
    return names;
}

std::vector<std::string> available_ways() {
    std::vector<std::string> names = available_backends();
    for (const BackendInfo& info : backends())
        if (info.available && info.only_on_request)
            names.emplace_back(info.name);
    return names;
}

std::vector<std::string> event_loops() {
    std::vector<std::string> names;
    for (const char* name : {"io_uring", "epoll"})
        if (Supervisor::create({.event_loop = name}))
            names.emplace_back(name);
    return names;
}

std::string backend_test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    std::ranges::replace(name, '-', '_');
    return name;
}

}  // namespace spawntpl::tests
