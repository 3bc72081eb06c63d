// SPDX-License-Identifier: MIT
//
// Children that are copies of a process which has the program loaded, linked and initialised: see
// WarmProcess, and userspace/warm for what runs in it.
#include "backend.hpp"
#include "diagnose.hpp"
#include "thread_files.hpp"
#include "warm_process.hpp"

#include <algorithm>
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

/// Keeps the template process of a program, and has it replaced when it is not fit any more.
class WarmStarter : public Starter {
public:
    Result<Started> start(const Launch& launch) const override {
        earn();
        // One that has ended is replaced, but not for ever.
        for (int tries = 0; tries < 3; ++tries) {
            CallerState now = CallerState::read(*files_.own());
            if (!now.why_never().empty())
                return std::unexpected(not_warm(std::string(now.why_never())));
            auto process = fit_process(launch, now);
            if (!process)
                return std::unexpected(not_warm(std::move(process.error())));
            WarmMessage message(launch);
            auto built = message.build(now, (*process)->state());
            if (!built)
                return std::unexpected(std::move(built.error()));
            if (!built->empty())
                return std::unexpected(not_warm(std::move(*built)));
            auto answer = (*process)->spawn(message, launch);
            if ((*process)->has_ended())
                drop(*process);
            if (auto* started = std::get_if<Started>(&answer))
                return std::move(*started);
            if (auto* error = std::get_if<Error>(&answer)) {
                add_details(*error, launch);
                return std::unexpected(std::move(*error));
            }
            if (auto* refused = std::get_if<WarmProcess::Refused>(&answer))
                return std::unexpected(not_warm(std::move(refused->reason)));
        }
        return std::unexpected(not_warm("template processes end again and again"));
    }

private:
    using Process = std::shared_ptr<WarmProcess>;

    void earn() const {
        std::lock_guard lock(mutex_);
        budget_ = std::min(budget_ + 1, max_budget);
    }

    void drop(const Process& process) const {
        std::lock_guard lock(mutex_);
        if (process_ != process)
            return;
        process_.reset();
        why_none_ = "template processes end again and again";
    }

    /// A template process that is fit for this start, a new one if need be.
    std::expected<Process, std::string> fit_process(const Launch& launch,
                                                    const CallerState& now) const {
        Process process;
        std::string unfit;
        {
            std::lock_guard lock(mutex_);
            process = process_;
            unfit = why_none_;
        }
        // Not under the lock: others may start children meanwhile.
        bool worn = process && is_worn(*process, launch);
        if (process && !worn && (unfit = process->why_unfit(launch, now)).empty())
            return process;

        std::lock_guard lock(mutex_);
        // Another thread may have replaced it.
        if (process_ && process_ != process && !is_worn(*process_, launch) &&
            (unfit = process_->why_unfit(launch, now)).empty())
            return process_;
        if (!worn) {
            if (budget_ < price)
                return std::unexpected(std::move(unfit));
            budget_ -= price;
        }
        process.reset();
        process_.reset();
        if (why_none_ = why_never_warm(launch.program()); !why_none_.empty())
            return std::unexpected(why_none_);
        auto started = WarmProcess::start(launch, now);
        if (!started) {
            why_none_ = std::move(started.error());
            return std::unexpected(why_none_);
        }
        process_ = std::move(*started);
        return process_;
    }

    static bool is_worn(const WarmProcess& process, const Launch& launch) {
        const Recapture& recapture = launch.program().recapture;
        // Not the other way round: the longest age is too long for nanoseconds.
        using Age = decltype(recapture.age);
        auto age =
            std::chrono::duration_cast<Age>(std::chrono::steady_clock::now() - process.born());
        return process.starts() >= recapture.starts || age >= recapture.age;
    }

    mutable KeptThreadFiles files_;
    mutable std::mutex mutex_;  ///< of what follows
    mutable Process process_;
    mutable std::string why_none_;  ///< why there is no process, if there is none
    mutable int budget_ = first_budget;
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
