// SPDX-License-Identifier: MIT
//
// Children that are copies of an image which the patched kernel keeps of the linked program: see
// KernelImage. Unlike those of the backend "warm" they are made by the kernel alone, of which
// nothing is left but descriptors.
#include "actions.hpp"
#include "backend.hpp"
#include "captures.hpp"
#include "cold_reasons.hpp"
#include "kernel_calls.hpp"
#include "kernel_image.hpp"
#include "kernel_start.hpp"
#include "no_cancellation.hpp"
#include "read_to_end.hpp"
#include "warm_program.hpp"

#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <sys/resource.h>

namespace spawntpl::detail {

namespace {

Error not_warm(std::string reason, int error = ENOTSUP) {
    return {.code = {error, std::generic_category()},
            .step = Step::choose_backend,
            .path = std::string(kernel_warm_backend().name()),
            .detail = std::move(reason)};
}

/// Whether the child has a limit that the layout of its memory depends on, and the caller another.
bool changes_layout(const Command& command) {
    for (const auto& [resource, soft, hard] : command.attributes().limits) {
        if (resource != RLIMIT_STACK && resource != RLIMIT_DATA && resource != RLIMIT_AS)
            continue;
        rlimit own;
        if (getrlimit(static_cast<__rlimit_resource>(resource), &own) != 0 ||
            own.rlim_cur != soft || own.rlim_max != hard)
            return true;
    }
    return false;
}

/// Keeps the image of a program, and has it replaced when it is not fit any more.
class KernelWarmStarter : public Starter {
public:
    Result<Started> start(const Launch& launch) const override {
        // What has been begun with an image is to be ended with it.
        NoCancellation off;
        ActionList actions(launch);
        if (auto built = actions.build(); !built)
            return std::unexpected(std::move(built.error()));
        if (changes_layout(launch.command()))
            return std::unexpected(not_warm(describe_cold(SPAWN_TEMPLATE_COLD_LIMITS)));
        auto kept = kept_.get();
        kept->earn();
        // What has changed is captured anew, but not for ever.
        for (int tries = 0; tries < 3; ++tries) {
            auto image = kept->fit(
                launch, [&](const KernelImage& present) { return present.why_unfit(launch); },
                [&] { return KernelImage::capture(launch); });
            if (!image)
                return std::unexpected(not_warm(std::move(image.error().why),
                                                image.error().is_coming ? EAGAIN : ENOTSUP));
            if (auto started = start_from_image(*kept, *image, launch, actions))
                return std::move(*started);
        }
        return std::unexpected(not_warm("no image of the program stays fit for its starts"));
    }

private:
    using Kept = KernelImage::Captured;

    /// Nothing if that has started nothing, and another image might.
    static std::optional<Result<Started>> start_from_image(Kept& kept, const Kept::Pointer& image,
                                                           const Launch& launch,
                                                           const ActionList& actions) {
        std::uint64_t earlier = image->count_start();
        std::uint32_t how = SPAWN_TEMPLATE_START_COLD;
        auto started = start_from(image->fd(), launch, actions, &how);
        if (is_stale(started)) {
            kept.drop(image, "the program's file has been replaced");
            return std::nullopt;
        }
        if (how == SPAWN_TEMPLATE_START_COLD)  // not even refused
            return started;
        if (how == SPAWN_TEMPLATE_START_WARM) {
            if (earlier == 0)
                kept.prove();
            return started;
        }
        std::string why = describe_cold(how);
        // What has served was worth its price; what never does is not to be made again and again.
        const bool is_unfit = !is_of_this_start(how);
        if (is_unfit)
            kept.drop(image, why, earlier == 0 ? Kept::Price::doubled : Kept::Price::same);
        if (!started && is_unfit)
            return std::nullopt;
        if (!started)
            return std::unexpected(not_warm(std::move(why)));
        started->why_cold = std::move(why);
        return started;
    }

    /// Whether the image is as fit for others as it was.
    static bool is_of_this_start(std::uint32_t how) {
        return how == SPAWN_TEMPLATE_COLD_ARGUMENTS || how == SPAWN_TEMPLATE_COLD_TRACED;
    }

    OfThisProcess<Kept> kept_;
};

class KernelWarmBackend : public Backend {
public:
    std::string_view name() const override { return "kernel-warm"; }

    std::string_view description() const override {
        return "a copy of the linked program that a patched kernel keeps; only where asked for";
    }

    FeatureSet features() const override {
        // Other credentials would be those of another image. Nor is it known of a child that is
        // still on its way to its program whether it will be warm.
        return FeatureSet::all_but({Feature::reset_ids, Feature::ids, Feature::no_new_privileges,
                                    Feature::many_redirections, Feature::namespaces,
                                    Feature::return_early});
    }

    bool only_on_request() const override { return true; }

    std::string probe() const override {
        if (std::string reason = kernel_backend().probe(); !reason.empty())
            return reason;
        if (std::string reason = why_no_templates(SPAWN_TEMPLATE_WARM); !reason.empty())
            return reason;
        Fd setting(open("/proc/sys/fs/spawn_template_warm", O_RDONLY | O_CLOEXEC));
        auto value = setting ? read_to_end(setting.get()) : std::nullopt;
        if (!value)
            return "this kernel has no warm templates, or /proc/sys/fs/spawn_template_warm cannot "
                   "be read";
        return value->starts_with("0") ? describe_cold(SPAWN_TEMPLATE_COLD_FORBIDDEN)
                                       : std::string();
    }

    Result<std::unique_ptr<Starter>> prepare(const Program& program) const override {
        if (std::string reason = why_never_from_image(program); !reason.empty())
            return std::unexpected(not_warm(std::move(reason)));
        return std::make_unique<KernelWarmStarter>();
    }
};

}  // namespace

const Backend& kernel_warm_backend() {
    static const KernelWarmBackend backend;
    return backend;
}

}  // namespace spawntpl::detail
