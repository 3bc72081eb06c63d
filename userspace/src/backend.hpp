// SPDX-License-Identifier: MIT
#pragma once

#include "features.hpp"
#include "launch.hpp"
#include "program.hpp"

#include <spawntpl/error.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace spawntpl::detail {

class WarmBroker;

/// A child that runs its program. The pidfd is close-on-exec, or -1 if the child is gone already.
struct Started {
    pid_t pid;
    Fd pidfd;
    std::shared_ptr<WarmBroker> broker{};  ///< whose child it is; null: this process's own
    std::string why_cold{};  ///< why the kernel started cold what was to be warm, if it did
};

/// A program prepared by a backend. Shared by threads.
class Starter {
public:
    virtual ~Starter() = default;

    /// An error of Step::choose_backend is one that another backend may not have; EAGAIN is for a
    /// moment only, which is not worth preparing another warm one.
    virtual Result<Started> start(const Launch& launch) const = 0;
};

/// A way of starting processes. To add one: a file that defines it, a line in backends.cpp.
class Backend {
public:
    virtual ~Backend() = default;

    virtual std::string_view name() const = 0;
    virtual std::string_view description() const = 0;

    /// What it can do; no start asks it for more.
    virtual FeatureSet features() const = 0;

    /// Whether its children are warm: no start takes it that does not ask for it, by its name or by
    /// TemplateOptions::warm.
    virtual bool only_on_request() const { return false; }

    /// Why the backend does not work here; empty if it does. Called once.
    virtual std::string probe() const = 0;

    /// @p program outlives the result.
    virtual Result<std::unique_ptr<Starter>> prepare(const Program& program) const = 0;
};

const Backend& kernel_backend();
const Backend& kernel_warm_backend();
const Backend& warm_backend();
const Backend& clone3_backend();
const Backend& posix_spawn_backend();

/// In order of preference, as in backends().
std::span<const Backend* const> all_backends();

/// What a probe says of a system call that failed with this errno.
std::string unavailable(const char* call, int error);

/// The backends to try, the preferred first: the one called @p name or, without a name, all that
/// work here and need not be asked for.
Result<std::vector<const Backend*>> choose_backends(std::string_view name);

}  // namespace spawntpl::detail
