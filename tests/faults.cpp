// SPDX-License-Identifier: MIT
#include "faults.hpp"

#include "fault_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::tests {

namespace {

// No system calls: they tell the tracer.
constexpr long begin_marker = 10'001;
constexpr long end_marker = 10'002;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

/// A call of the window.
struct Call {
    const CallFaults* faults;
    pid_t pid;
    bool in_child;
    int error = 0;  ///< that it fails with anyway
};

struct Fault {
    std::size_t call = SIZE_MAX;
    int error = 0;
};

/// What one run of the scenario has led to, in memory that worker and tracer share.
struct Report {
    bool last_run;  ///< written by the tracer

    bool has_error;
    bool inferred;
    int error;
    Step step;
    long memory;  ///< more bytes in use than before
    char message[4096];
    char result[65536];
    char complaints[4096];
};

// --- the worker -----------------------------------------------------------------------------

void copy(char* to, std::size_t size, const std::string& text) {
    std::size_t length = std::min(size - 1, text.size());
    std::memcpy(to, text.data(), length);
    to[length] = 0;
}

std::set<int> open_numbers() {
    std::set<int> numbers;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        numbers.insert(std::stoi(entry.path().filename()));
    return numbers;
}

/// What no start may change.
struct CallerState {
    std::set<int> descriptors = open_numbers();
    std::string directory = std::filesystem::current_path();
    mode_t mask = current_umask();
    sigset_t signals = blocked_signals();

    static mode_t current_umask() {
        mode_t mask = umask(0);
        umask(mask);
        return mask;
    }

    static sigset_t blocked_signals() {
        sigset_t signals;
        sigprocmask(SIG_BLOCK, nullptr, &signals);
        return signals;
    }

    std::string differences(const CallerState& before) const {
        std::string text;
        for (int fd : descriptors)
            if (!before.descriptors.contains(fd))
                text += "descriptor " + std::to_string(fd) + " is left open; ";
        for (int fd : before.descriptors)
            if (!descriptors.contains(fd))
                text += "descriptor " + std::to_string(fd) + " was closed; ";
        if (directory != before.directory)
            text += "the working directory has changed; ";
        if (mask != before.mask)
            text += "the umask has changed; ";
        if (std::memcmp(&signals, &before.signals, sizeof(std::uint64_t)) != 0)
            text += "the signal mask has changed; ";
        return text;
    }
};

void run_once(const Scenario& scenario, Report& report, const CallerState& before) {
    auto memory = static_cast<long>(mallinfo2().uordblks);
    {
        Outcome outcome = scenario();
        report.has_error = outcome.error.has_value();
        if (outcome.error) {
            report.error = outcome.error->code.value();
            report.step = outcome.error->step;
            report.inferred = outcome.error->inferred;
            copy(report.message, sizeof(report.message), outcome.error->message());
        }
        copy(report.result, sizeof(report.result), outcome.result);
        copy(report.complaints, sizeof(report.complaints), CallerState().differences(before));
    }
    report.memory = static_cast<long>(mallinfo2().uordblks) - memory;
    if (waitpid(-1, nullptr, WNOHANG | __WALL) != -1)
        std::strcat(report.complaints, "a child is left; ");
}

[[noreturn]] void work(const Scenario& scenario, Report& report) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    CallerState before;
    do
        run_once(scenario, report, before);
    while (!report.last_run);
    _exit(0);
}

// --- the tracer -----------------------------------------------------------------------------

class Tracer {
public:
    explicit Tracer(const Scenario& scenario)
        : report_(*static_cast<Report*>(mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE,
                                             MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
        worker_ = fork();
        if (worker_ == 0)
            work(scenario, report_);
        follow_until_window();
        ptrace(PTRACE_SETOPTIONS, worker_, nullptr,
               PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
    }

    Tracer(const Tracer&) = delete;

    ~Tracer() {
        if (worker_ > 0) {
            kill(worker_, SIGKILL);
            while (waitpid(-1, nullptr, __WALL) > 0) {
            }
        }
        munmap(&report_, sizeof(Report));
    }

    /// Runs the scenario with a fault, to the next window or the worker's end.
    const Report& run(Fault fault, bool last = false) {
        report_.last_run = last;
        fault_ = fault;
        calls_.clear();
        state_ = State::before_window;
        resume(worker_, 0);
        follow_until_window();
        return report_;
    }

    const std::vector<Call>& calls() const { return calls_; }

    /// Whether the fault of the last run has come to pass.
    bool was_injected() const { return state_ == State::injected; }

    bool has_ended() const { return worker_ < 0; }

private:
    enum class State { outside, before_window, in_window, failing_late, injected };

    void follow_until_window() {
        int status;
        for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0;) {
            if (!WIFSTOPPED(status)) {
                stops_.erase(pid);
                if (pid != worker_)
                    continue;
                EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
                    << "the process under test has ended, status " << status;
                worker_ = -1;
                return;
            }
            int signal = WSTOPSIG(status);
            bool event = status >> 16 != 0;
            if (status >> 16 == PTRACE_EVENT_EXEC) {
                pass_stop(pid);
            } else if (event) {
                resume(pid, 0);
            } else if (signal == (SIGTRAP | 0x80)) {
                look_at_call(pid);
                resume(pid, 0);
            } else if (signal == SIGSTOP) {
                if (pid == worker_)
                    return;
                pass_stop(pid);
            } else {
                resume(pid, signal);
            }
        }
        worker_ = -1;
        ADD_FAILURE() << "the process under test is gone";
    }

    /// A child stops when it is new and when it has executed its program, in any order: a backend's
    /// child need not have been in user mode before. After both it is let go.
    void pass_stop(pid_t pid) {
        if (++stops_[pid] < 2) {
            resume(pid, 0);
            return;
        }
        stops_.erase(pid);
        ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
    }

    void resume(pid_t pid, int signal) {
        bool follow = state_ != State::outside && state_ != State::injected;
        ptrace(follow ? PTRACE_SYSCALL : PTRACE_CONT, pid, nullptr,
               reinterpret_cast<void*>(static_cast<std::intptr_t>(signal)));
    }

    void look_at_call(pid_t pid) {
        __ptrace_syscall_info info{};
        ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
            enter_call(pid, static_cast<long>(info.entry.nr));
        else if (state_ == State::failing_late)
            set_result(pid);
        else if (info.op == PTRACE_SYSCALL_INFO_EXIT && info.exit.is_error)
            note_error(pid, static_cast<int>(-info.exit.rval));
    }

    void note_error(pid_t pid, int error) {
        auto last = std::ranges::find(calls_.rbegin(), calls_.rend(), pid, &Call::pid);
        if (last != calls_.rend())
            last->error = error;
    }

    void enter_call(pid_t pid, long number) {
        if (number == begin_marker) {
            state_ = State::in_window;
        } else if (number == end_marker) {
            state_ = State::outside;
        } else if (state_ == State::in_window) {
            const CallFaults* faults = find_faults(number);
            EXPECT_TRUE(faults) << "system call " << number << " is not in the table of faults";
            if (!faults || is_sanitizers_own(number))
                return;
            calls_.push_back({faults, pid, pid != worker_});
            if (calls_.size() - 1 == fault_.call)
                inject(pid, faults->fails_late);
        }
    }

    static bool is_sanitizers_own(long number) {
        return sanitized && (number == SYS_mmap || number == SYS_munmap || number == SYS_madvise ||
                             number == SYS_mprotect || number == SYS_brk);
    }

    void inject(pid_t pid, bool late) {
#ifdef __x86_64__
        if (late) {
            state_ = State::failing_late;
            return;
        }
        // The call is left out; the kernel keeps the result that is set now.
        ptrace(PTRACE_POKEUSER, pid, offsetof(user_regs_struct, orig_rax), -1L);
#else
        static_cast<void>(late);
#endif
        set_result(pid);
    }

    void set_result(pid_t pid) {
#ifdef __x86_64__
        ptrace(PTRACE_POKEUSER, pid, offsetof(user_regs_struct, rax),
               static_cast<long>(-fault_.error));
#else
        static_cast<void>(pid);
#endif
        state_ = State::injected;
    }

    Report& report_;
    pid_t worker_ = -1;
    std::map<pid_t, int> stops_;  ///< of children
    Fault fault_;
    std::vector<Call> calls_;
    State state_ = State::outside;
};

std::string describe(std::size_t place, const Call& call, int error) {
    return "call " + std::to_string(place) + ", " + call.faults->name +
           (call.in_child ? " of the child, " : ", ") + "fails: " + strerrordesc_np(error);
}

/// What the scenario leads to without a fault.
struct Baseline {
    bool has_error;
    int error;
    std::string result;
};

void judge(const Report& report, const CallFaults& faults, int error, const Baseline& baseline,
           bool another_way) {
    EXPECT_STREQ(report.complaints, "");
    if (!report.has_error) {
        EXPECT_TRUE(faults.may_be_unneeded || another_way) << "success in spite of the failure";
        EXPECT_FALSE(baseline.has_error) << "success where there was an error";
        EXPECT_EQ(report.result, baseline.result);
        return;
    }
    EXPECT_STRNE(report.message, "");
    bool is_of_baseline = baseline.has_error && report.error == baseline.error;
    if (is_of_baseline && faults.may_be_unneeded)
        return;
    EXPECT_EQ(report.error, error) << report.message;
    if (!report.inferred) {
        EXPECT_TRUE(std::ranges::count(faults.steps, report.step)) << report.message;
    }
}

}  // namespace

void begin_window() {
    raise(SIGSTOP);
    syscall(begin_marker);
}

void end_window() {
    syscall(end_marker);
}

void expect_clean_failures(const Scenario& scenario, bool another_way) {
    Tracer tracer(scenario);
    // What is done once in a process is done now.
    tracer.run({});
    const Report& report = tracer.run({});
    const std::vector<Call> calls = tracer.calls();
    const Baseline baseline{report.has_error, report.error, report.result};
    ASSERT_STREQ(report.complaints, "");
    ASSERT_FALSE(calls.empty());

    for (std::size_t place = 0; place < calls.size(); ++place)
        for (int error : calls[place].faults->errors) {
            // What a probe asks for is an error.
            if (error == calls[place].error)
                continue;
            SCOPED_TRACE(describe(place, calls[place], error));
            // Memory that grows each time is lost; the C library may keep some for the next time.
            // A call can be missed where one before it has taken all the time that there is.
            bool reached = false;
            long memory = 1;
            for (int tries = 0; tries < 10 && memory > 0; ++tries) {
                tracer.run({place, error});
                ASSERT_FALSE(tracer.has_ended());
                if (!tracer.was_injected())
                    continue;
                reached = true;
                ASSERT_EQ(tracer.calls().back().faults, calls[place].faults);
                judge(report, *calls[place].faults, error, baseline, another_way);
                memory = report.memory;
            }
            ASSERT_TRUE(reached) << "the call was not reached";
            EXPECT_LE(memory, 0) << "bytes of memory are lost";
            if (testing::Test::HasFatalFailure())
                return;
        }

    tracer.run({}, true);
    EXPECT_TRUE(tracer.has_ended());
    EXPECT_STREQ(report.complaints, "");
    EXPECT_EQ(report.result, baseline.result);
}

}  // namespace spawntpl::tests
