// SPDX-License-Identifier: MIT
//
// Children that are copies of a process which has the program loaded, linked and initialised: see
// WarmProcess, and userspace/warm for what runs in it.
#include "backend.hpp"
#include "captures.hpp"
#include "diagnose.hpp"
#include "no_cancellation.hpp"
#include "thread_files.hpp"
#include "warm_process.hpp"

#include <memory>

#include <linux/prctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

Error not_warm(std::string reason) {
    return {.code = {ENOTSUP, std::generic_category()},
            .step = Step::choose_backend,
            .path = std::string(warm_backend().name()),
            .detail = std::move(reason)};
}

/// What a process keeps of a program.
struct Kept {
    KeptThreadFiles files{};
    Captures<WarmProcess> processes{};
};

/// Keeps the template process of a program, and has it replaced when it is not fit any more.
class WarmStarter : public Starter {
public:
    Result<Started> start(const Launch& launch) const override {
        // What has been begun with a template process is to be ended with it.
        NoCancellation off;
        auto kept = kept_.get();
        kept->processes.earn();
        // One that has ended is replaced, but not for ever.
        for (int tries = 0; tries < 3; ++tries) {
            CallerState now = CallerState::read(*kept->files.own());
            if (!now.why_never().empty())
                return std::unexpected(not_warm(std::string(now.why_never())));
            auto process = kept->processes.fit(
                launch, [&](const WarmProcess& present) { return present.why_unfit(launch, now); },
                [&] { return capture(launch, now); });
            if (!process)
                return std::unexpected(not_warm(std::move(process.error().why)));
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
                kept->processes.drop(*process, "template processes end again and again");
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
    static Captures<WarmProcess>::Result capture(const Launch& launch, const CallerState& now) {
        if (std::string why = why_never_warm(launch.program()); !why.empty())
            return std::unexpected(Captures<WarmProcess>::Failure{std::move(why)});
        auto started = WarmProcess::start(launch, now);
        if (!started)
            return std::unexpected(Captures<WarmProcess>::Failure{std::move(started.error())});
        return std::move(*started);
    }

    OfThisProcess<Kept> kept_;
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
