// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/child.hpp>
#include <spawntpl/command.hpp>
#include <spawntpl/environment.hpp>
#include <spawntpl/error.hpp>
#include <spawntpl/export.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spawntpl {

/// Whether children may be copies of a program that is loaded, linked and initialised already: by a
/// kernel that keeps it, which may start one cold by itself and says why, or by a process, a child
/// of the caller that wait(2) for any child sees, unless the Template has a broker, and that ends
/// with the Template. That starts usual tools about twice as fast. See spawntpl(7) for which of the
/// two it is, and for what is different then. In short: all children of one capture have the same
/// address-space layout; and the constructors of libraries have run once, in the environment of the
/// first start.
enum class Warm {
    never,     ///< nothing of it is loaded
    allowed,   ///< where a child would have all that it has otherwise; see Child::why_not_warm()
    required,  ///< a start that cannot be warm is ENOTSUP, with the reason
};

/// When a warm Template captures its program anew, which costs as much as some starts: what its
/// children share, their address-space layout above all, is not to be the same for ever.
struct Recapture {
    /// After so many starts; 1 is for each, and 0 the same as by default.
    std::uint64_t starts = 1'000;

    /// At the first start that is so much later; 0 is the same as by default, and a negative one
    /// EINVAL.
    std::chrono::milliseconds age = std::chrono::minutes(10);
};

/// How to prepare a program.
struct TemplateOptions {
    /// Name of the backend to use, see backends(). Empty: the environment variable
    /// SPAWNTPL_BACKEND (not read by set-user-ID programs) and, without that, the first backend
    /// that works here and can do what the Command asks for. A forced backend that does not work
    /// here, or cannot do it, is an error.
    std::string backend{};

    /// Whether children may start warm. The backend "warm" is Warm::required without the kernel.
    Warm warm = Warm::never;

    /// How long the children of a warm Template are copies of the same process.
    Recapture recapture{};

    /// Whether warm children, and what they are copies of, are to be children of another process,
    /// the Template's broker, and none of this one's: wait(2) for any child does not see them, and
    /// their ends are no SIGCHLD. A Child is waited for, signalled and watched by its pidfd as any
    /// other; wait(2) and waitid(2) do not know it, and it has the broker as its parent
    /// (getppid(2)). The broker ends when the Template and its children have been destroyed, or
    /// with this program; children that run then live on. If somebody kills it, waiting for a child
    /// that was started before is ECHILD, and the next start has another one. EINVAL with
    /// Warm::never. Children that are not warm are this program's own: see Warm::required. None is
    /// warm where orphans become this program's children (PR_SET_CHILD_SUBREAPER, or process 1).
    bool broker = false;

    /// For a program that calls spawntpl_ready() of <spawntpl/ready.h>: the arguments with which it
    /// comes there. Warm children are copies of the program as it is at that point, and get the
    /// arguments of their Command from the call; other children start with these, as ever, and
    /// their call does nothing. With arguments that do not lead there the program would only run,
    /// out of sight, and no child be warm.
    std::optional<std::vector<std::string>> ready_args{};

    /// The environment of children whose Command has none: prepared once, here, and not for each
    /// child. Without it they get the caller's as it is at their start; no other thread may change
    /// that at that moment.
    std::optional<Environment> env{};

    /// What spawn() without a Command starts, and where others can begin: see Template::command().
    Command command{};
};

/// A program, found and prepared once, to be started many times.
///
/// Immutable and cheap to copy: copies share the prepared program. Any number of threads may
/// start children from one Template at the same time. A thread needs 64 KiB of stack for it, and
/// must not be cancelled by pthread_cancel(3) in a function of this library; the interface for C
/// sees to that itself.
class SPAWNTPL_API Template {
public:
    /// Prepares the program @p program. A name without a slash is searched in the caller's PATH
    /// now, by the rules of execvp(3), and never again; a relative path starts at the caller's
    /// present working directory, wherever children start later.
    ///
    /// When the file is deleted or another one is put in its place, later starts look at the path
    /// again. Which file starts after the old one was only renamed depends on the backend.
    static Result<Template> open(std::string_view program, const TemplateOptions& options = {});

    /// Prepares the executable that @p fd refers to; the caller keeps @p fd. @p name is argv[0]
    /// unless a Command says otherwise. A "#!" script is refused (ENOEXEC), because its
    /// interpreter could only be given a path: open() it.
    static Result<Template> from_fd(int fd, std::string_view name,
                                    const TemplateOptions& options = {});

    /// Starts a child. Returns when the program runs in it, or with the reason why it does not;
    /// then no process is left behind. What no backend that may be used can do is ENOTSUP.
    Result<Child> spawn(const Command& command) const;

    /// Starts TemplateOptions::command.
    Result<Child> spawn() const;

    /// Starts a child for each Command, one after another as spawn() does; in the result they are
    /// in the same order. Each start stands for itself: one that fails leaves the others as they
    /// are. std::bad_alloc is thrown before the first start only; afterwards it is that start's
    /// error.
    ///
    /// All of them or none: stop_at_end() each, and drop the result if one has failed. Not to wait
    /// for one program before the next is started: return_early() in the Commands.
    std::vector<Result<Child>> spawn_all(std::span<const Command> commands) const;

    /// TemplateOptions::command, to copy and to change for a start of its own.
    const Command& command() const;

    /// The absolute path of the program; for from_fd() the given name.
    const std::string& program() const;

    /// The name of the backend that starts the children, but for those whose Command needs
    /// another: see Child::backend().
    std::string_view backend() const;

private:
    struct State;

    explicit Template(std::shared_ptr<const State> state);

    std::shared_ptr<const State> state_;
};

}  // namespace spawntpl
