// SPDX-License-Identifier: MIT
#include "trade.hpp"

#include "clock.hpp"
#include "cpu_time.hpp"
#include "idle_time.hpp"
#include "own_process.hpp"
#include "programs.hpp"

#include <spawntpl/spawntpl.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <thread>

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

namespace spawntpl::bench {

using namespace std::chrono_literals;

namespace {

// What one template holds is too little to be seen beside what else happens.
constexpr std::size_t templates = 4'000;

constexpr std::string_view creation = "create ";

// Of those that keep memory in the kernel, with starts that let it learn and keep what it can.
constexpr std::size_t templates_with_memory = 16;
constexpr int starts_of_each = 8;

// As many children as there can be wait for starts that follow each other closely.
constexpr int starts_before_all_wait = 100;
constexpr auto until_all_wait = 200ms;

using Holdings = nlohmann::ordered_json (*)(const Invocation& invocation,
                                            const std::string& backend);

nlohmann::ordered_json of_each(const Invocation& invocation, const std::string& backend);
nlohmann::ordered_json processes(const Invocation& invocation, const std::string& backend);
nlohmann::ordered_json memory(const Invocation& invocation, const std::string& backend);

struct Created {
    std::string_view method;
    bool by_first_start;  ///< which captures the program
    Holdings holdings;
};

/// In the order of results. Of these, what is a method.
constexpr std::array created_templates{
    Created{"lib-posix_spawn", false, of_each}, Created{"clone3", false, of_each},
    Created{"warm", true, processes},           Created{"kernel-warm", true, memory},
    Created{"kernel", false, of_each},
};

class CreationRunner : public Runner {
public:
    CreationRunner(const Invocation& invocation, std::string backend, bool by_first_start)
        : path_(invocation.path),
          first_(invocation.args),
          backend_(std::move(backend)),
          by_first_start_(by_first_start) {}

    std::expected<Run, std::string> run() override {
        std::int64_t idle_before = idle_time();
        std::int64_t begin = now();
        auto program = Template::open(path_, {.backend = backend_});
        Result<Child> child = std::unexpected(Error{});
        if (program && by_first_start_)
            child = program->spawn(first_);
        std::int64_t created = now();
        std::int64_t idle = idle_time() - idle_before;
        if (!program)
            return std::unexpected(program.error().message());
        if (by_first_start_) {
            if (!child)
                return std::unexpected(child.error().message());
            if (auto status = child->wait(); !status)
                return std::unexpected(status.error().message());
        }
        std::int64_t cost = created - begin - idle;
        return Run{cost, cost, ExitStatus::exited(0), idle};
    }

    std::string_view backend() const override { return backend_; }

private:
    std::string path_;
    Command first_;
    std::string backend_;
    bool by_first_start_;
};

PreparedRunner prepare_creation(const Invocation& invocation, const Created& created) {
    std::string backend(backend_of(created.method));
    if (auto program = Template::open(invocation.path, {.backend = backend}); !program)
        return std::unexpected(std::move(program.error()));
    return std::make_unique<CreationRunner>(invocation, backend, created.by_first_start);
}

struct Held {
    std::int64_t heap;    ///< bytes
    std::int64_t kernel;  ///< bytes of its slab caches: of the whole system
    std::int64_t fds;
};

/// What follows a word of a file in /proc, if anything does.
std::optional<std::int64_t> number_after(std::string_view word, const std::string& path) {
    std::ifstream file(path);
    for (std::string read; file >> read;)
        if (std::int64_t number; read == word && file >> number)
            return number;
    return {};
}

Held held_now() {
    std::int64_t slab = 1024 * number_after("Slab:", "/proc/meminfo").value_or(0);
    std::filesystem::directory_iterator fds("/proc/self/fd");
    return {static_cast<std::int64_t>(mallinfo2().uordblks), slab,
            std::distance(begin(fds), end(fds))};
}

/// Each template may have a descriptor.
class ManyDescriptors {
public:
    ManyDescriptors() {
        getrlimit(RLIMIT_NOFILE, &before_);
        rlimit limit = before_;
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }

    ManyDescriptors(const ManyDescriptors&) = delete;
    ~ManyDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

/// What a template of the program holds, on average; null for what cannot be said.
nlohmann::ordered_json of_each(const Invocation& invocation, const std::string& backend) {
    ManyDescriptors limit;
    std::vector<Template> kept;
    kept.reserve(templates + 1);
    auto open = [&](std::size_t count) {
        while (kept.size() < count) {
            auto program = Template::open(invocation.path, {.backend = backend});
            if (!program)
                return false;
            kept.push_back(std::move(*program));
        }
        return true;
    };
    // What the first one needs is not all its own.
    bool enough = open(1);
    Held before = held_now();
    enough = enough && open(templates + 1);
    Held after = held_now();
    auto each = [&](std::int64_t difference) {
        return enough ? nlohmann::ordered_json(static_cast<double>(difference) /
                                               static_cast<double>(templates))
                      : nlohmann::ordered_json();
    };
    // Others gave back more than this one took: nothing is known.
    bool known = after.kernel >= before.kernel;
    return {{"heap_bytes", each(after.heap - before.heap)},
            {"kernel_slab_bytes",
             known ? each(after.kernel - before.kernel) : nlohmann::ordered_json()},
            {"fds", each(after.fds - before.fds)}};
}

/// What a warm template holds: processes, with the children for the next starts.
nlohmann::ordered_json processes(const Invocation& invocation, const std::string& backend) {
    const std::set<pid_t> others = children();
    auto program = Template::open(invocation.path, {.backend = backend});
    if (!program)
        return nlohmann::ordered_json::object();
    for (int i = 0; i < starts_before_all_wait; ++i)
        if (auto child = program->spawn(Command(invocation.args)); !child || !child->wait())
            return nlohmann::ordered_json::object();
    std::this_thread::sleep_for(until_all_wait);
    std::int64_t count = 0;
    std::int64_t bytes = 0;
    for (pid_t pid : children()) {
        if (others.contains(pid))
            continue;
        auto kib = number_after("Pss:", "/proc/" + std::to_string(pid) + "/smaps_rollup");
        count += kib.has_value();
        bytes += 1024 * kib.value_or(0);
    }
    return {{"processes", count}, {"process_bytes", bytes}};
}

/// Pages that belong to processes or templates, and what the kernel has to describe them: of the
/// whole system, in bytes.
std::int64_t memory_now() {
    std::int64_t kib = 0;
    for (std::string_view name : {"AnonPages:", "PageTables:", "Slab:"})
        kib += number_after(name, "/proc/meminfo").value_or(0);
    return 1024 * kib;
}

/// What the kernel keeps of a program that has been started several times, on average.
nlohmann::ordered_json memory(const Invocation& invocation, const std::string& backend) {
    std::vector<Template> kept;
    auto add_started = [&] {
        auto program = Template::open(invocation.path, {.backend = backend});
        if (!program)
            return false;
        for (int i = 0; i < starts_of_each; ++i)
            if (auto child = program->spawn(Command(invocation.args)); !child || !child->wait())
                return false;
        kept.push_back(std::move(*program));
        return true;
    };
    // What the first one needs is not all its own.
    bool enough = add_started();
    std::int64_t before = memory_now();
    while (enough && kept.size() <= templates_with_memory)
        enough = add_started();
    std::int64_t difference = memory_now() - before;
    // Others gave back more than these took: nothing is known.
    bool known = enough && difference >= 0;
    return {{"kernel_bytes",
             known ? nlohmann::ordered_json(static_cast<double>(difference) / templates_with_memory)
                   : nlohmann::ordered_json()}};
}

const Outcome* find(const std::vector<Outcome>& outcomes, std::string_view method) {
    auto found = std::ranges::find(outcomes, method, &Outcome::method);
    return found == outcomes.end() || !found->ended ? nullptr : &*found;
}

/// Starts after which the time that was spent on the creation has come back; null: never.
nlohmann::ordered_json break_even(const Outcome& created, const Outcome& start,
                                  const Outcome& other) {
    if (start.ended->p50 >= other.ended->p50)
        return nullptr;
    double gain = static_cast<double>(other.ended->p50 - start.ended->p50);
    return std::ceil(static_cast<double>(created.ended->p50) / gain);
}

/// Of starts, not of creations.
void add_cpu_time(Outcome& outcome, const Invocation& invocation) {
    const Method* method = find_method(outcome.method);
    if (!outcome.ended || !method)
        return;
    auto runner = method->prepare(invocation);
    auto time = runner ? cpu_time_of_a_start(**runner) : std::nullopt;
    outcome.extra["cpu_ns"] = time ? nlohmann::ordered_json(*time) : nlohmann::ordered_json();
}

void add_break_even(std::vector<Outcome>& outcomes) {
    auto invocation = resolve(find_program(outcomes.front().program)->words);
    for (Outcome& created : outcomes) {
        if (invocation)
            add_cpu_time(created, *invocation);
        if (!created.ended || !created.method.starts_with(creation))
            continue;
        const std::string method = created.method.substr(creation.size());
        const Outcome* start = find(outcomes, method);
        if (!start)
            continue;
        for (std::string_view other : reference_methods)
            if (const Outcome* reference = find(outcomes, other))
                created.extra["break_even_" + std::string(other)] =
                    break_even(created, *start, *reference);
        auto kind = std::ranges::find(created_templates, method, &Created::method);
        if (invocation)
            created.extra.update(kind->holdings(*invocation, created.backend));
    }
}

}  // namespace

std::vector<Group> trade_groups(const Selection& selection) {
    std::vector<std::string> programs = selection.programs;
    if (programs.empty())
        programs = {"nolibc", "true"};
    std::vector<Group> groups;
    for (const std::string& program : programs) {
        Group group{.question = "template",
                    .program = program,
                    .count = usual_count(selection),
                    .finish = add_break_even};
        for (const Method& method : methods())
            if (std::ranges::find(reference_methods, method.name) != reference_methods.end())
                group.entries.push_back(entry_of(method));
        for (const Created& created : created_templates) {
            const Method* method = find_method(created.method);
            if (!method)
                continue;
            group.entries.push_back(entry_of(*method));
            group.entries.push_back({std::string(creation) + std::string(created.method),
                                     [&created](const Invocation& invocation) {
                                         return prepare_creation(invocation, created);
                                     }});
        }
        groups.push_back(std::move(group));
    }
    return groups;
}

}  // namespace spawntpl::bench
