// SPDX-License-Identifier: MIT
//
// The system calls of the patched kernel.
#include "above_stdio.hpp"
#include "actions.hpp"
#include "backend.hpp"
#include "kernel_calls.hpp"
#include "kernel_start.hpp"

#include <mutex>

namespace spawntpl::detail {

namespace {

Fd create_template(const Program& program) {
    spawn_template_create_args args{};
    args.envp = address(program.env ? program.env->block.data() : nullptr);
    if (program.path.empty()) {
        args.flags = SPAWN_TEMPLATE_DIRFD;
        args.path = address("");
        args.dirfd = program.fd.get();
        args.at_flags = AT_EMPTY_PATH;
    } else {
        args.path = address(program.path.c_str());
    }
    return above_stdio(spawn_template_create(args));
}

class KernelStarter : public Starter {
public:
    KernelStarter(const Program& program, Fd fd)
        : program_(program), template_(std::make_shared<Fd>(std::move(fd))) {}

    Result<Started> start(const Launch& launch) const override {
        ActionList actions(launch);
        if (auto built = actions.build(); !built)
            return std::unexpected(std::move(built.error()));

        std::shared_ptr<const Fd> current = current_template();
        auto started = start_from(*current, launch, actions);
        for (int tries = 0; is_stale(started) && tries < max_renewals; ++tries) {
            auto renewed = renew_template(current);
            if (!renewed)
                return std::unexpected(launch.program_error(renewed.error(), Step::open_program));
            current = std::move(*renewed);
            started = start_from(*current, launch, actions);
        }
        return started;
    }

private:
    // Enough even where the program is replaced without a pause. But a file system may have reasons
    // of its own for ESTALE, which do not go away.
    static constexpr int max_renewals = 1000;

    std::shared_ptr<const Fd> current_template() const {
        std::lock_guard lock(mutex_);
        return template_;
    }

    /// Replaces @p stale, unless another thread has done so; returns what to use now, or the errno.
    std::expected<std::shared_ptr<const Fd>, int> renew_template(
        const std::shared_ptr<const Fd>& stale) const {
        std::lock_guard lock(mutex_);
        if (template_ == stale) {
            Fd fd = create_template(program_);
            if (!fd)
                return std::unexpected(errno);
            template_ = std::make_shared<const Fd>(std::move(fd));
        }
        return template_;
    }

    const Program& program_;
    mutable std::mutex mutex_;
    mutable std::shared_ptr<const Fd> template_;
};

class KernelBackend : public Backend {
public:
    std::string_view name() const override { return "kernel"; }

    std::string_view description() const override {
        return "the spawn_template system calls of a patched kernel";
    }

    FeatureSet features() const override {
        return FeatureSet::all_but({Feature::many_redirections, Feature::namespaces});
    }

    std::string probe() const override {
        if (std::string reason = why_no_templates(0); !reason.empty())
            return reason;
        spawn_template_spawn_args args{};
        if (spawn_template_spawn(-1, args) != -1 || errno != EBADF)
            return unavailable("spawn_template_spawn", errno);
        return {};
    }

    Result<std::unique_ptr<Starter>> prepare(const Program& program) const override {
        Fd fd = create_template(program);
        if (!fd)
            return std::unexpected(Error{.code = {errno, std::generic_category()},
                                         .step = Step::resolve_program,
                                         .path = program.label()});
        return std::make_unique<KernelStarter>(program, std::move(fd));
    }
};

}  // namespace

const Backend& kernel_backend() {
    static const KernelBackend backend;
    return backend;
}

}  // namespace spawntpl::detail
