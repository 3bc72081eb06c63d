// SPDX-License-Identifier: MIT
//
// Programs that Debian ships do the same, warm or started by posix_spawn: output, exit status and
// signal, with several arguments, inputs, environments and directories, where they fail, too. And
// they find the same in /proc, whatever the caller is like.
#include "program.hpp"
#include "warm_support.hpp"

#include <algorithm>
#include <cstring>
#include <iostream>
#include <ostream>
#include <sstream>

#include <elf.h>
#include <sched.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

struct Case {
    std::vector<std::string> args;
    std::string input{};
};

struct Tool {
    std::string name;
    std::vector<Case> cases;
};

void PrintTo(const Tool& tool, std::ostream* stream) {
    *stream << tool.name;
}

const std::string lines = "pear 3\napple 12\nfig 7\napple 1\n";

std::vector<Tool> tools() {
    return {
        {"as", {{{"--version"}}, {{"-o", "/dev/null", "-"}, "nop\n"}, {{"/nonexistent"}}}},
        {"awk", {{{"{ s += $2 } END { print s }"}, lines}, {{"BEGIN { exit 3 }"}}, {{"{"}}}},
        {"base64", {{{}, lines}, {{"-d"}, "cGVhcg=="}, {{"-d"}, "?"}}},
        {"basename", {{{"/usr/lib/x.so", ".so"}}, {{}}}},
        {"bash",
         {{{"-c", "echo $0 $# \"$@\"; exit 4", "a", "b c"}},
          {{"-c", "kill -TERM $$"}},
          {{"-c", "cd /; pwd; ulimit -n; trap"}},
          {{"-c", "x=(1 2 3); cat <<<\"${x[@]}\"; false | true; echo ${PIPESTATUS[@]}"}},
          {{"-c", "("}},
          {{"-s", "arg"}, "read line\nfirst\necho \"$line$1\"\n"}}},
        {"bc", {{{}, "2^64\nscale=5; 1/3\n"}, {{"-q", "/nonexistent"}}}},
        {"bzip2", {{{"-c"}, lines}, {{"-d"}, "not bzip2"}}},
        {"b2sum", {{{}, lines}, {{"-c"}, "nonsense"}}},
        {"cat", {{{}, lines}, {{"-A", "a", "/nonexistent"}}}},
        {"cmp", {{{"a", "b"}}, {{"a", "a"}}, {{"a"}}}},
        {"comm", {{{"a", "b"}}, {{}}}},
        {"cpio", {{{"-o", "--quiet", "--reproducible"}, "a\n"}, {{"-i"}, "garbage"}}},
        {"curl", {{{"--version"}}, {{"file:///nonexistent"}}, {{}}}},
        {"cut", {{{"-d", " ", "-f", "2"}, lines}, {{"-x"}}}},
        {"dash",
         {{{"-c", "echo $0 $PPID | wc -w; exit 5"}}, {{"-c", "kill -9 $$"}}, {{"-c", "("}}}},
        {"date", {{{"-u", "-d", "@0"}}, {{"-d", "nonsense"}}}},
        {"dd", {{{"bs=1", "count=3", "status=none"}, lines}, {{"if=/nonexistent"}}}},
        {"diff", {{{"a", "b"}}, {{"-u", "a", "a"}}, {{"a", "/nonexistent"}}}},
        {"dirname", {{{"/usr/lib/x"}}, {{}}}},
        {"ed", {{{"-s", "a"}, ",p\nq\n"}, {{"-s", "/nonexistent"}, "p\nq\n"}}},
        {"env", {{{"-i", "A=1", "env"}}, {{"--", "/nonexistent"}}, {{}}}},
        {"expr", {{{"6", "*", "7"}}, {{"1", "+"}}, {{"0"}}}},
        {"false", {{{}}, {{"--version"}}}},
        {"factor", {{{"1001"}}, {{"x"}}}},
        {"file", {{{"a", "/bin/sh"}}, {{"/nonexistent"}}}},
        {"find", {{{".", "-maxdepth", "1", "-name", "[ab]"}}, {{"/nonexistent"}}, {{".", "-x"}}}},
        {"fold", {{{"-w", "5"}, lines}, {{"-w", "x"}}}},
        {"gawk", {{{"{ print toupper($1) }"}, lines}, {{"BEGIN { exit 1 }"}}}},
        {"gcc", {{{"-v"}}, {{"-E", "-"}, "#define X 1\nX\n"}, {{"/nonexistent.c"}}}},
        {"git",
         {{{"--version"}}, {{"status"}}, {{"hash-object", "--stdin"}, lines}, {{"nonsense"}}}},
        {"grep",
         {{{"-c", "apple"}, lines},
          {{"nothing"}, lines},
          {{"["}, lines},
          {{"-h", "fig", "a", "/nonexistent"}}}},
        {"gzip", {{{"-nc"}, lines}, {{"-d"}, "not gzip"}}},
        {"head", {{{"-n", "2"}, lines}, {{"/nonexistent"}}}},
        {"hostname", {{{}}}},
        {"id", {{{}}, {{"-Gn"}}, {{"no-such-user"}}}},
        {"ip", {{{"-V"}}, {{"nonsense"}}}},
        {"join", {{{"a", "b"}}, {{"a"}}}},
        {"jq", {{{".a"}, "{\"a\": [1, 2]}"}, {{"."}, "{"}, {{"("}}}},
        {"ld", {{{"--version"}}, {{"/nonexistent"}}}},
        {"ldd", {{{"/bin/true"}}}},
        {"less", {{{"--version"}}, {{"a"}}}},
        {"ls", {{{"-a"}}, {{"/nonexistent"}}, {{"-Q", "a", "b"}}}},
        {"localedef", {{{"--version"}}}},
        {"m4", {{{}, "define(x, 1)x\n"}, {{"/nonexistent"}}}},
        {"make", {{{"-f", "-"}, "all:\n\t@echo made\n"}, {{"nothing"}}}},
        {"md5sum", {{{}, lines}, {{"-c"}, "nonsense"}}},
        {"nice", {{{}}, {{"-n", "5", "nice"}}, {{"-n", "x", "nice"}}}},
        {"nl", {{{}, lines}, {{"/nonexistent"}}}},
        {"node",
         {{{"-e", "console.log(process.argv.length, process.title)"}},
          {{"-e", "process.exit(6)"}}}},
        {"nproc", {{{}}, {{"--ignore=x"}}}},
        {"objdump", {{{"-f", "/bin/true"}}, {{"-f", "a"}}}},
        {"od", {{{"-c"}, lines}, {{"-t", "z"}}}},
        {"openssl", {{{"version"}}, {{"dgst", "-sha256"}, lines}, {{"nonsense"}}}},
        {"paste", {{{"a", "b"}}, {{"/nonexistent"}}}},
        {"perl",
         {{{"-e", "print \"$0 @ARGV\\n\"", "x"}},
          {{"-MPOSIX", "-e", "print floor(2.5), getcwd()"}},
          {{"-e", "kill 'ABRT', $$"}},
          {{"-ne", "print uc"}, lines},
          {{"-e", "die \"x\\n\""}}}},
        {"printf", {{{"%s-%d\\n", "a", "5"}}, {{"%d", "x"}}}},
        {"pwd", {{{}}, {{"-x"}}}},
        {"python3",
         {{{"-c", "import sys, os; print(sys.argv, os.getcwd(), sorted(os.environ))", "x"}},
          {{"-c", "import json; print(json.dumps({'a': 1}))"}},
          {{"-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"}},
          {{"-"}, "import sys\nsys.exit(9)\n"},
          {{"-c", "1/0"}}}},
        {"readelf", {{{"-h", "/bin/true"}}, {{"-h", "a"}}}},
        {"readlink", {{{"-f", "a"}}, {{"a"}}}},
        {"rsync", {{{"--version"}}, {{"/nonexistent", "x"}}}},
        {"sed", {{{"-n", "s/apple/&s/p"}, lines}, {{"q7"}, lines}, {{"s/x"}, lines}}},
        {"seq", {{{"3"}}, {{"a"}}}},
        {"sha256sum", {{{}, lines}, {{"/nonexistent"}}}},
        {"sort", {{{"-k", "2n"}, lines}, {{"-c"}, lines}, {{"/nonexistent"}}}},
        {"sqlite3", {{{":memory:", "select 6 * 7"}}, {{":memory:", "nonsense"}}}},
        {"stat", {{{"-c", "%s %n", "a"}}, {{"/nonexistent"}}}},
        {"strings", {{{"-n", "5"}, lines}, {{"/nonexistent"}}}},
        {"tac", {{{}, lines}, {{"/nonexistent"}}}},
        {"tail", {{{"-n", "1"}, lines}, {{"/nonexistent"}}}},
        {"tar", {{{"--version"}}, {{"-cf", "-", "--mtime=@0", "a"}}, {{"-tf", "/nonexistent"}}}},
        {"tr", {{{"a-z", "A-Z"}, lines}, {{}}}},
        {"true", {{{}}, {{"--version"}}}},
        {"uname", {{{"-a"}}, {{"-x"}}}},
        {"uniq", {{{"-c"}, "a\na\nb\n"}, {{"/nonexistent"}}}},
        {"wc", {{{}, lines}, {{"/nonexistent"}}}},
        {"xargs", {{{"-n", "1", "echo"}, "a b c"}, {{"false"}, "x"}}},
        {"xxd", {{{}, lines}, {{"/nonexistent"}}}},
        {"xz", {{{"-c"}, lines}, {{"-d"}, "not xz"}}},
        {"zstd", {{{"-c"}, lines}, {{"-d"}, "not zstd"}}},
        {"zsh", {{{"-fc", "print -r $ZSH_NAME $#; exit 8"}}, {{"-fc", "kill -TERM $$"}}}},
    };
}

/// Not what a user has put before the system's own.
class SystemPath {
    ScopedEnv path_{"PATH", "/usr/bin:/bin:/usr/sbin:/sbin"};
};

std::vector<Tool> installed_tools() {
    SystemPath path;
    std::vector<Tool> all = tools(), installed;
    for (Tool& tool : all) {
        if (Template::open(tool.name))
            installed.push_back(std::move(tool));
        else
            std::cout << "not installed, so not compared: " << tool.name << "\n";
    }
    return installed;
}

class Differential : public WarmTest {
protected:
    Differential() {
        write_file(directory_ / "a", lines);
        write_file(directory_ / "b", "fig 7\nlemon\n");
    }

    static void TearDownTestSuite() {
        std::cout << "warm: " << warm_ << " of " << starts_ << " starts\n";
        starts_ = warm_ = 0;
    }

    /// What may be warm in one of the two ways.
    static Template allowed_by(const std::string& way, const std::string& program) {
        return way == "warm" ? allowed(program)
                             : value_or_throw(Template::open(program, {.warm = Warm::allowed}));
    }

    void compare(const Template& cold, const Template& warm, const std::string& way,
                 const Command& command) {
        Output expected = value_or_throw(run(cold, command));
        auto output = run(warm, command);
        ASSERT_TRUE(output) << output.error().message();
        EXPECT_EQ(output->status, expected.status);
        EXPECT_EQ(output->out, expected.out);
        EXPECT_EQ(output->err, expected.err);
        ++starts_;
        warm_ += output->backend == way;
    }

    SystemPath path_;
    TemporaryDirectory directory_;
    static inline int starts_ = 0, warm_ = 0;
};

template <typename Parameter>
using ByWay = testing::WithParamInterface<std::tuple<std::string, Parameter>>;

/// The ways that are told apart by the names of test suites.
auto by_kernel() {
    std::vector<std::string> ways = available_ways();
    std::erase_if(ways, [](const std::string& way) { return way != "kernel-warm"; });
    return testing::ValuesIn(ways);
}

auto name_of_second = [](const auto& info) { return std::get<1>(info.param).name; };

class DifferentialTool : public Differential, public ByWay<Tool> {};

TEST_P(DifferentialTool, is_the_same) {
    const auto& [way, tool] = GetParam();
    auto cold = value_or_throw(Template::open(tool.name, {.backend = "posix_spawn"}));
    if (!detail::script_interpreter(cold.program()).empty()) {
        EXPECT_FALSE(Template::open(tool.name, {.warm = Warm::required}));
        return;
    }
    Template warm = allowed_by(way, tool.name);
    int before = warm_, started = starts_;
    for (const char* locale : {"C", "C.UTF-8"})
        for (const std::string& directory : {directory_.path(), std::string("/usr")})
            for (const Case& test : tool.cases) {
                Command command(test.args);
                command.cwd(directory).set_env("LC_ALL", locale).input(test.input);
                // A daemon's socket or a home directory of the user must not come into it.
                command.set_env("HOME", directory_.path());
                std::string words = tool.name;
                for (const std::string& arg : test.args)
                    words += " " + arg;
                SCOPED_TRACE(words + " in " + directory + ", LC_ALL=" + locale);
                compare(cold, warm, way, command);
            }
    EXPECT_EQ(warm_ - before, starts_ - started) << "not all of them were warm";
}

INSTANTIATE_TEST_SUITE_P(Programs, DifferentialTool,
                         testing::Combine(testing::Values("warm"),
                                          testing::ValuesIn(installed_tools())),
                         name_of_second);
INSTANTIATE_TEST_SUITE_P(KernelPrograms, DifferentialTool,
                         testing::Combine(by_kernel(), testing::ValuesIn(installed_tools())),
                         name_of_second);

TEST_F(Differential, has_many_programs) {
    constexpr std::size_t enough = 40;
    EXPECT_GE(tools().size(), enough);
    // In a machine that is made for a test there are only some.
    if (access("/var/lib/dpkg/status", F_OK) == 0) {
        EXPECT_GE(installed_tools().size(), enough);
    }
}

// --- /proc --------------------------------------------------------------------------------------

/// A way that a caller can be.
struct Caller {
    std::string name;
    void (*become)();
};

void PrintTo(const Caller& caller, std::ostream* stream) {
    *stream << caller.name;
}

void set_limits() {
    rlimit limit{.rlim_cur = 0, .rlim_max = 0};
    setrlimit(RLIMIT_CORE, &limit);
    limit = {.rlim_cur = 100, .rlim_max = 200};
    setrlimit(RLIMIT_NOFILE, &limit);
    limit = {.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_STACK, &limit);
}

void set_signals() {
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigaddset(&blocked, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &blocked, nullptr);
}

void become_nobody() {
    constexpr uid_t nobody = 65534;
    if (geteuid() == 0 &&
        (setresgid(nobody, nobody, nobody) != 0 || setresuid(nobody, nobody, nobody) != 0))
        abort();
}

const Caller callers[] = {
    {"as_it_is", [] {}},
    {"umask", [] { umask(0123); }},
    {"limits", set_limits},
    {"signals", set_signals},
    {"session", [] { setsid(); }},
    {"process_group", [] { setpgid(0, 0); }},
    {"nice", [] { setpriority(PRIO_PROCESS, 0, 7); }},
    {"scheduling",
     [] {
         sched_param none{};
         sched_setscheduler(0, SCHED_BATCH, &none);
     }},
    {"affinity",
     [] {
         cpu_set_t cpus;
         CPU_ZERO(&cpus);
         CPU_SET(0, &cpus);
         sched_setaffinity(0, sizeof(cpus), &cpus);
     }},
    {"timer_slack", [] { prctl(PR_SET_TIMERSLACK, 12345); }},
    {"oom_score",
     [] {
         Fd fd(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
         EXPECT_EQ(write(fd.get(), "123", 3), 3);
     }},
    {"personality", [] { personality(ADDR_NO_RANDOMIZE); }},
    {"securebits", [] { prctl(PR_SET_SECUREBITS, 1 << 2); }},  // SECBIT_NO_SETUID_FIXUP
    {"other_user", become_nobody},
};

class DifferentialProc : public Differential, public ByWay<Caller> {
protected:
    /// What the program prints, cold and warm.
    static std::pair<std::string, std::string> both(const std::string& program,
                                                    std::vector<std::string> args) {
        Command command(std::move(args));
        command.env({"A=1", "B=2"}).null(STDIN_FILENO);
        auto print = [&](const Template& from, std::string_view backend) {
            Output output = start(from, command);
            if (!backend.empty()) {
                EXPECT_EQ(output.backend, backend);
            }
            EXPECT_TRUE(output.success()) << output.err;
            return output.out;
        };
        const std::string& way = std::get<0>(GetParam());
        return {print(cold(program), ""), print(allowed_by(way, program), way)};
    }

    static void expect_same_files(const std::vector<std::string>& files) {
        for (const std::string& file : files) {
            if (access(("/proc/self/" + file).c_str(), R_OK) != 0)
                continue;
            auto [expected, found] = both("/bin/cat", {"/proc/self/" + file});
            EXPECT_EQ(found, expected) << file;
        }
    }
};

/// The lines of /proc/self/status without those that are different in each process.
std::vector<std::string> lines_of_status(const std::string& text) {
    std::vector<std::string> kept;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        if (!line.starts_with("Pid:") && !line.starts_with("Tgid:") &&
            !line.starts_with("NSpid:") && !line.starts_with("NStgid:") &&
            !line.starts_with("Vm") && !line.starts_with("SigQ:") && !line.starts_with("Rss") &&
            !line.starts_with("State") && line.find("ctxt_switches") == std::string::npos &&
            !line.starts_with("FDSize"))
            kept.push_back(line);
    return kept;
}

/// Fields of proc_pid_stat(5) that two processes with the same caller have in common.
std::map<int, std::string> fields_of_stat(const std::string& text) {
    std::map<int, std::string> kept;
    std::istringstream stream(text.substr(text.rfind(')') + 2));
    std::string value;
    for (int number = 3; stream >> value; ++number)
        // Parent, group, session, terminal and its group, priority, nice, threads, exit signal,
        // real-time priority, policy, exit code.
        for (int wanted : {4, 5, 6, 7, 8, 18, 19, 20, 38, 40, 41, 52})
            if (number == wanted)
                kept[number] = value;
    return kept;
}

/// The auxiliary vector without what is an address.
std::map<std::uint64_t, std::uint64_t> values_of_auxv(const std::string& text) {
    std::map<std::uint64_t, std::uint64_t> values;
    for (std::size_t at = 0; at + sizeof(Elf64_auxv_t) <= text.size(); at += sizeof(Elf64_auxv_t)) {
        Elf64_auxv_t entry;
        std::memcpy(&entry, text.data() + at, sizeof(entry));
        switch (entry.a_type) {
        case AT_PHDR:
        case AT_BASE:
        case AT_ENTRY:
        case AT_RANDOM:
        case AT_EXECFN:
        case AT_PLATFORM:
        case AT_SYSINFO_EHDR:
            values[entry.a_type] = entry.a_un.a_val != 0;
            break;
        default:
            values[entry.a_type] = entry.a_un.a_val;
        }
    }
    return values;
}

TEST_P(DifferentialProc, is_the_same) {
    in_another_process([] {
        std::get<1>(GetParam()).become();
        expect_same_files({"cmdline", "environ", "limits", "cgroup", "comm", "personality",
                           "oom_score_adj", "timerslack_ns", "mountinfo", "uid_map", "loginuid",
                           "sessionid", "coredump_filter", "autogroup", "setgroups"});
        auto [status, warm_status] = both("/bin/cat", {"/proc/self/status"});
        EXPECT_EQ(lines_of_status(warm_status), lines_of_status(status));
        auto [stat, warm_stat] = both("/bin/cat", {"/proc/self/stat"});
        EXPECT_EQ(fields_of_stat(warm_stat), fields_of_stat(stat));
        auto [auxv, warm_auxv] = both("/bin/cat", {"/proc/self/auxv"});
        EXPECT_EQ(values_of_auxv(warm_auxv), values_of_auxv(auxv));
        auto [fds, warm_fds] = both("/bin/ls", {"/proc/self/fd"});
        EXPECT_EQ(warm_fds, fds);
        auto [shell, warm_shell] =
            both("/bin/sh", {"-c", "umask; pwd -P; readlink /proc/$$/exe; ulimit -a; trap"});
        EXPECT_EQ(warm_shell, shell);
    });
}

INSTANTIATE_TEST_SUITE_P(Callers, DifferentialProc,
                         testing::Combine(testing::Values("warm"), testing::ValuesIn(callers)),
                         name_of_second);
INSTANTIATE_TEST_SUITE_P(KernelCallers, DifferentialProc,
                         testing::Combine(by_kernel(), testing::ValuesIn(callers)), name_of_second);

// --- programs that are never warm -------------------------------------------------------------

/// Of those that Debian ships: with the reason, which spawntpl(7) explains.
constexpr std::pair<const char*, const char*> refusing[] = {
    {"/bin/busybox", "static"},   {"/bin/mount", "gains rights"},
    {"/bin/su", "gains rights"},  {"/usr/bin/chage", "gains rights"},
    {"/usr/bin/ldd", "script"},   {"/usr/bin/passwd", "gains rights"},
    {"/usr/bin/which", "script"}, {"/usr/sbin/ldconfig", "static"},
};

TEST_F(Differential, programs_that_refuse_are_those_of_the_manual) {
    for (const auto& [program, reason] : refusing) {
        auto opened = Template::open(program, {.backend = "warm"});
        if (!opened && opened.error().step == Step::resolve_program)
            continue;
        ASSERT_FALSE(opened) << program;
        EXPECT_THAT(opened.error().message(), testing::HasSubstr(reason)) << program;
    }
}

}  // namespace
}  // namespace spawntpl::tests
