// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/export.hpp>
#include <spawntpl/signal_set.hpp>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <sys/types.h>

namespace spawntpl {

/// Redirection sources: what a descriptor of the child refers to.
struct FromFd {
    int fd;  ///< a descriptor of the caller, as it is when the child is started
};

struct FromFile {
    std::string path;  ///< a relative path starts at the caller's working directory
    int flags;         ///< as for open(2)
    mode_t mode;       ///< as for open(2), less the caller's umask
};

/// The descriptor is closed in the child.
struct Closed {};

struct Redirection {
    int target;  ///< the child's descriptor
    std::variant<FromFd, FromFile, Closed> source;
};

/// What to start a Template's program with: arguments, environment, working directory,
/// descriptors, signals. A plain value: copy it, keep it, use it for any number of children;
/// several threads may read one at the same time.
///
/// An empty Command starts the program with no arguments but its name, the caller's environment,
/// working directory, signal mask and descriptors 0, 1 and 2, and no other descriptor.
///
/// The backend "kernel" takes 256 actions for one child, of which each redirection needs one, and
/// the directory, the signal mask and the signal defaults need one each: more is E2BIG.
class SPAWNTPL_API Command {
public:
    Command() = default;

    /// The arguments that follow argv[0].
    explicit Command(std::vector<std::string> args) : args_(std::move(args)) {}

    /// Appends one argument. It may be empty; it may not contain a NUL (EINVAL at the start).
    Command& arg(std::string value);

    /// Replaces the arguments that follow argv[0].
    Command& args(std::vector<std::string> values);

    /// argv[0]. The default is the program as the Template was given it.
    Command& arg0(std::string value);

    /// The whole environment, entries like "NAME=value", passed on in this order and unchecked.
    Command& env(std::vector<std::string> entries);

    /// The caller's environment as it is when the child is started (the default). No other
    /// thread may change it at that moment.
    Command& inherit_env();

    /// The child's working directory; a relative path starts at the caller's. Neither the program
    /// nor redirections are looked up there.
    Command& cwd(std::string path);

    /// The child's @p target is the caller's @p source. All redirections happen at once, so
    /// fd(1, 2).fd(2, 1) swaps the two. A second redirection of one target replaces the first.
    Command& fd(int target, int source);

    /// The child's @p target is a file that is opened at the start of each child. The backends
    /// "clone3" and "posix_spawn" open and close it in the caller, which gives up the POSIX record
    /// locks that the caller has on that file.
    Command& file(int target, std::string path, int flags, mode_t mode = 0666);

    /// The child's @p target is /dev/null, for reading and writing.
    Command& null(int target);

    /// The child does not have @p target.
    Command& close(int target);

    /// Pass on every descriptor of the caller that is not close-on-exec, besides the
    /// redirections. Other threads' descriptors may be among them.
    Command& inherit_fds(bool inherit = true);

    /// The signals that the child starts with blocked; the default is the calling thread's mask.
    Command& signal_mask(SignalSet signals);

    /// Signals that the child starts with at their default action. Other signals which the
    /// caller ignores stay ignored.
    Command& signal_defaults(SignalSet signals);

    const std::vector<std::string>& args() const { return args_; }
    const std::optional<std::string>& arg0() const { return arg0_; }
    const std::optional<std::vector<std::string>>& env() const { return env_; }
    const std::optional<std::string>& cwd() const { return cwd_; }
    const std::vector<Redirection>& redirections() const { return redirections_; }
    bool inherits_fds() const { return inherit_fds_; }
    const std::optional<SignalSet>& signal_mask() const { return signal_mask_; }
    const SignalSet& signal_defaults() const { return signal_defaults_; }

private:
    Command& redirect(Redirection redirection);

    std::vector<std::string> args_;
    std::optional<std::string> arg0_;
    std::optional<std::vector<std::string>> env_;
    std::optional<std::string> cwd_;
    std::vector<Redirection> redirections_;
    bool inherit_fds_ = false;
    std::optional<SignalSet> signal_mask_;
    SignalSet signal_defaults_;
};

}  // namespace spawntpl
