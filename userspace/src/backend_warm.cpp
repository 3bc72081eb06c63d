// SPDX-License-Identifier: MIT
//
// Children that are copies of a process which has the program loaded, linked and initialised: see
// WarmProcess, and userspace/warm for what runs in it.
#include "backend.hpp"
#include "diagnose.hpp"
#include "no_cancellation.hpp"
#include "process_generation.hpp"
#include "thread_files.hpp"
#include "warm_process.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include <linux/prctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

// A template process costs as much as some starts, so it has to be earned by as many: else callers
// who differ, or a program that cannot be captured, would make each start dearer.
constexpr int price = 8;
constexpr int first_budget = 4 * price;
constexpr int max_budget = 16 * price;

Error not_warm(std::string reason) {
    return {.code = {ENOTSUP, std::generic_category()},
            .step = Step::choose_backend,
            .path = std::string(warm_backend().name()),
            .detail = std::move(reason)};
}

/// What a process keeps of a program. A copy of the process begins anew: of threads that the copy
/// does not have, one may have been at work here.
struct Kept {
    const std::uint64_t generation;
    KeptThreadFiles files{};
    std::mutex mutex{};  ///< of what follows
    std::condition_variable captured{};
    bool is_being_captured = false;
    std::shared_ptr<WarmProcess> process{};
    std::string why_none{};  ///< why there is no process, if there is none
    int budget = first_budget;
};

/// Keeps the template process of a program, and has it replaced when it is not fit any more.
class WarmStarter : public Starter {
public:
    Result<Started> start(const Launch& launch) const override {
        // What has been begun with a template process is to be ended with it.
        NoCancellation off;
        auto kept = own();
        earn(*kept);
        // One that has ended is replaced, but not for ever.
        for (int tries = 0; tries < 3; ++tries) {
            CallerState now = CallerState::read(*kept->files.own());
            if (!now.why_never().empty())
                return std::unexpected(not_warm(std::string(now.why_never())));
            auto process = fit_process(*kept, launch, now);
            if (!process)
                return std::unexpected(not_warm(std::move(process.error())));
            WarmMessage message(launch);
            auto built = message.build(now, (*process)->state());
            if (!built)
                return std::unexpected(std::move(built.error()));
            if (!built->empty())
                return std::unexpected(not_warm(std::move(*built)));
            auto answer = (*process)->spawn(message, launch);
            if (auto* started = std::get_if<Started>(&answer))
                return std::move(*started);
            if ((*process)->has_ended())
                drop(*kept, *process);
            if (auto* error = std::get_if<Error>(&answer)) {
                add_details(*error, launch);
                return std::unexpected(std::move(*error));
            }
            if (auto* refused = std::get_if<WarmLanes::Refused>(&answer))
                return std::unexpected(not_warm(std::move(refused->reason)));
        }
        return std::unexpected(not_warm("template processes end again and again"));
    }

private:
    using Process = std::shared_ptr<WarmProcess>;

    /// A capture is under way as long as this is there.
    class Capture {
    public:
        /// Unlocks @p lock, which is that of @p kept.
        Capture(Kept& kept, std::unique_lock<std::mutex>& lock) : kept_(kept) {
            kept.is_being_captured = true;
            lock.unlock();
        }

        Capture(const Capture&) = delete;

        ~Capture() {
            {
                std::lock_guard lock(kept_.mutex);
                kept_.is_being_captured = false;
                // The old one is to end without the lock.
                std::swap(kept_.process, process);
                kept_.why_none = std::move(why_none);
            }
            kept_.captured.notify_all();
        }

        // What has come of it.
        Process process;
        std::string why_none = "the program could not be captured";

    private:
        Kept& kept_;
    };

    std::shared_ptr<Kept> own() const {
        std::uint64_t generation = process_generation();
        auto kept = kept_.load();
        while (!kept || kept->generation != generation)
            if (auto fresh = std::make_shared<Kept>(generation);
                kept_.compare_exchange_strong(kept, fresh))
                return fresh;
        return kept;
    }

    static void earn(Kept& kept) {
        std::lock_guard lock(kept.mutex);
        kept.budget = std::min(kept.budget + 1, max_budget);
    }

    static void drop(Kept& kept, const Process& process) {
        std::lock_guard lock(kept.mutex);
        if (kept.process != process)
            return;
        kept.process.reset();
        kept.why_none = "template processes end again and again";
    }

    /// A template process that is fit for this start, a new one if need be.
    static std::expected<Process, std::string> fit_process(Kept& kept, const Launch& launch,
                                                           const CallerState& now) {
        std::unique_lock lock(kept.mutex);
        for (;;) {
            Process process = kept.process;
            std::string unfit = kept.why_none;
            // Others may start children meanwhile.
            lock.unlock();
            bool worn = process && is_worn(*process, launch);
            if (process && (unfit = process->why_unfit(launch, now)).empty() && !worn)
                return process;
            lock.lock();
            if (kept.is_being_captured) {
                if (process && unfit.empty())
                    return process;
                if (!launch.program().warm_required)
                    return std::unexpected("the program is being captured");
                kept.captured.wait(lock, [&] { return !kept.is_being_captured; });
                continue;
            }
            // Another thread may have replaced it.
            if (kept.process != process)
                continue;
            if (!worn) {
                if (kept.budget < price)
                    return std::unexpected(std::move(unfit));
                kept.budget -= price;
            }
            return capture(kept, lock, launch, now);
        }
    }

    /// Not under the lock: others are not to wait who can start their children in another way.
    static std::expected<Process, std::string> capture(Kept& kept,
                                                       std::unique_lock<std::mutex>& lock,
                                                       const Launch& launch,
                                                       const CallerState& now) {
        Capture capture(kept, lock);
        if (capture.why_none = why_never_warm(launch.program()); !capture.why_none.empty())
            return std::unexpected(capture.why_none);
        auto started = WarmProcess::start(launch, now);
        if (!started) {
            capture.why_none = std::move(started.error());
            return std::unexpected(capture.why_none);
        }
        capture.process = std::move(*started);
        return capture.process;
    }

    static bool is_worn(const WarmProcess& process, const Launch& launch) {
        const Recapture& recapture = launch.program().recapture;
        // Not the other way round: the longest age is too long for nanoseconds.
        using Age = decltype(recapture.age);
        auto age =
            std::chrono::duration_cast<Age>(std::chrono::steady_clock::now() - process.born());
        return process.starts() >= recapture.starts || age >= recapture.age;
    }

    mutable std::atomic<std::shared_ptr<Kept>> kept_;
};

class WarmBackend : public Backend {
public:
    std::string_view name() const override { return "warm"; }

    std::string_view description() const override {
        return "a copy of a process that has the program loaded and linked; only where asked for";
    }

    FeatureSet features() const override {
        // The kernel would look at the thread that started the template process.
        return FeatureSet::all_but(
            {Feature::parent_death_signal, Feature::namespaces, Feature::return_early});
    }

    bool only_on_request() const override { return true; }

    std::string probe() const override {
#ifndef __x86_64__
        return "not implemented for this processor";
#endif
        if (warm_object().empty())
            return "the object to preload, spawntpl/warm.so, is not installed";
        unsigned size = 0;
        if (prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) != 0)
            return "this kernel does not let a process say where its arguments are";
        if (syscall(SYS_close_range, 1, 0, 0) != -1 || errno != EINVAL)
            return unavailable("close_range", errno);
        if (syscall(SYS_pidfd_open, -1, 0) != -1 || errno != EINVAL)
            return unavailable("pidfd_open", errno);
        return {};
    }

    Result<std::unique_ptr<Starter>> prepare(const Program& program) const override {
        if (std::string reason = why_never_warm(program); !reason.empty())
            return std::unexpected(not_warm(std::move(reason)));
        return std::make_unique<WarmStarter>();
    }
};

}  // namespace

const Backend& warm_backend() {
    static const WarmBackend backend;
    return backend;
}

}  // namespace spawntpl::detail
