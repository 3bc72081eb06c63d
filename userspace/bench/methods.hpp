// SPDX-License-Identifier: MIT
//
// The ways of starting a program that are compared.
#pragma once

#include "parent.hpp"

#include <spawntpl/command.hpp>
#include <spawntpl/error.hpp>
#include <spawntpl/exit_status.hpp>

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace spawntpl::bench {

struct BaselineChild;
struct ExecArguments;

/// Where the child's environment comes from.
enum class EnvironmentUse {
    inherited,  ///< it is the caller's
    changed,    ///< the caller's, but for one variable
    prepared,   ///< handed over once, before the starts
};

/// What to start. The child has the working directory and the descriptors 0, 1 and 2 of the caller.
struct Invocation {
    std::string path;  ///< absolute
    std::vector<std::string> args;
    std::string name{};  ///< unless empty, what PATH is searched for in place of the path
    EnvironmentUse environment = EnvironmentUse::inherited;
    /// Of the process that starts it: what a method has to make that uses another one.
    ParentShape parent = ordinary_parent;
};

/// One child, from before its start to after its end.
struct Run {
    std::int64_t returned;  ///< ticks until the start returned to the caller
    std::int64_t ended;     ///< ticks until the child had ended and was waited for
    ExitStatus status;
    std::int64_t idle = 0;  ///< ticks that are not in these, as nobody had anything to do
};

/// Starts one program in one way.
class Runner {
public:
    virtual ~Runner() = default;

    virtual std::expected<Run, std::string> run() = 0;

    /// The library's backend that serves this, or empty: the library is not used.
    virtual std::string_view backend() const { return {}; }
};

using PreparedRunner = Result<std::unique_ptr<Runner>>;

/// Starts the program through the library; no @p backend: the one that the library chooses.
PreparedRunner prepare_template(const Invocation& invocation, std::string backend,
                                const Command& common = {});

/// The error of a method that does not work here, or not for this program.
std::unexpected<Error> unavailable(std::string why);

ExitStatus exit_status(int wait_status);

/// Starts one child.
using StartFunction = std::function<BaselineChild(const ExecArguments&)>;

/// Starts the program by a function, without the library.
PreparedRunner baseline_runner(const Invocation& invocation, StartFunction start);

struct Method {
    std::string_view name;
    std::string_view description;
    /// Does what is done once, however many children follow. Fails with
    /// Step::choose_backend where the method does not work.
    PreparedRunner (*prepare)(const Invocation& invocation);
    /// It is prepared before this process becomes the parent: it has a process of its own.
    bool prepared_early = false;
};

/// The methods that ratios refer to; people are shown that to the first.
inline constexpr std::string_view reference_method = "posix_spawn";
inline constexpr std::array<std::string_view, 3> reference_methods{reference_method, "vfork",
                                                                   "safe-clone3"};

/// Methods that start no program of anybody's choice.
inline constexpr std::array<std::string_view, 3> floor_methods{"exec-loop", "fork-exit",
                                                               "vfork-exit"};

std::span<const Method> methods();

/// Of a method that is a backend of the library.
std::string_view backend_of(std::string_view method);

/// Null if there is none of that name.
const Method* find_method(std::string_view name);

}  // namespace spawntpl::bench
