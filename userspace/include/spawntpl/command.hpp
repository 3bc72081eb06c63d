// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/attributes.hpp>
#include <spawntpl/environment.hpp>
#include <spawntpl/export.hpp>
#include <spawntpl/redirection.hpp>
#include <spawntpl/signal_set.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace spawntpl {

/// What to start a Template's program with. A plain value: copy it, keep it, use it for any number
/// of children; several threads may read one at the same time.
///
/// An empty Command starts the program with no arguments but its name, the Template's environment
/// or else the caller's, the caller's working directory, signal mask, limits and so on, its
/// descriptors 0, 1 and 2, and no other descriptor.
///
/// Nothing is checked before the start, which names what is wrong. In the child things happen in
/// the order in which they are listed here. Which backend can do what: see backends().
class SPAWNTPL_API Command {
public:
    Command() = default;

    /// The arguments that follow argv[0].
    explicit Command(std::vector<std::string> args) : args_(std::move(args)) {}

    // --- arguments and environment; strings with a NUL inside are EINVAL at the start -----------

    /// Appends one argument. It may be empty.
    Command& arg(std::string value);

    /// Replaces the arguments that follow argv[0].
    Command& args(std::vector<std::string> values);

    /// argv[0]. The default is the program as the Template was given it.
    Command& arg0(std::string value);

    /// The whole environment. Copies of the Command share it.
    Command& env(Environment environment);

    /// Changes to the environment, whichever it is: a variable more or another value for it. An
    /// empty name, or one with a "=", is EINVAL at the start.
    Command& set_env(std::string name, std::string value);

    /// A variable less.
    Command& unset_env(std::string name);

    // --- working directory ----------------------------------------------------------------------

    /// The child's working directory; a relative path starts at the caller's. Neither the program
    /// nor redirections are looked up there. It is entered with the rights of the caller.
    Command& cwd(std::string path);

    /// As cwd(), but a relative path starts at the directory @p dirfd; the empty one is @p dirfd
    /// itself.
    Command& cwd_at(int dirfd, std::string path = {});

    // --- file mode mask, session, terminal ------------------------------------------------------

    /// The child's file mode creation mask, 0 to 0777.
    Command& umask(mode_t mask);

    /// The child leads a new session, without a terminal, and a new process group.
    Command& new_session();

    /// The child joins the process group @p group, or leads a new one if it is 0.
    Command& process_group(pid_t group = 0);

    /// The terminal @p fd of the caller becomes that of the child's session, which must be new.
    Command& controlling_terminal(int fd);

    /// The child's process group becomes the foreground one of the terminal @p fd of the caller,
    /// which must be that of the child's session.
    Command& foreground(int fd);

    /// The child leads a new session on a new pseudo-terminal, which is its descriptors 0, 1 and 2
    /// where no redirection says otherwise. The other side is Child::terminal().
    Command& pseudo_terminal(WindowSize size = {});

    // --- descriptors ----------------------------------------------------------------------------
    // All redirections happen at once, so fd(1, 2).fd(2, 1) swaps the two. A second redirection of
    // one target replaces the first.

    /// The child's @p target is the caller's @p source.
    Command& fd(int target, int source);

    /// The child's @p target is a file that is opened at the start of each child: by the caller,
    /// with its rights and its umask, not those of the Command; a FIFO may block it. That gives up
    /// the POSIX record locks that the caller has on that file.
    Command& file(int target, std::string path, int flags, mode_t mode = 0666);

    /// The child's @p target is /dev/null, for reading and writing.
    Command& null(int target);

    /// The child reads from @p target what the caller writes to Child::pipe(target).
    Command& pipe_to_child(int target);

    /// The caller reads from Child::pipe(target) what the child writes to @p target.
    Command& pipe_from_child(int target);

    /// The child reads these bytes from its standard input, then the end of file. They wait in
    /// memory, as in a file: neither a thread nor a pipe is needed, whatever their number. More
    /// than RLIMIT_FSIZE allows are EFBIG at the start.
    Command& input(std::string bytes);

    /// The child's @p target is what its @p other is, as the shell's 2>&1 for same_as(2, 1).
    Command& same_as(int target, int other);

    /// The child does not have @p target.
    Command& close(int target);

    /// Pass on every descriptor of the caller that is not close-on-exec, besides the
    /// redirections. Other threads' descriptors may be among them.
    Command& inherit_fds(bool inherit = true);

    // --- resources and rights -------------------------------------------------------------------

    /// A resource limit; a second one for the same resource replaces the first.
    Command& limit(int resource, std::uint64_t soft, std::uint64_t hard);

    /// The nice value itself, -20 to 19, not an increment.
    Command& nice(int value);

    /// The scheduling policy.
    Command& scheduler(int policy, int priority = 0);

    /// The CPUs that the child may run on.
    Command& affinity(std::vector<int> cpus);

    /// The effective user and group ids become the real ones; with the backend "posix_spawn" before
    /// anything else, so that the working directory is entered with these.
    Command& reset_ids();

    /// The supplementary groups.
    Command& groups(std::vector<gid_t> ids);

    /// The real, effective and saved group id. Supplementary groups stay: see groups().
    Command& group(gid_t id);

    /// The real, effective and saved user id. The backend "clone3" makes the caller undumpable by
    /// that, see PR_SET_DUMPABLE of prctl(2), and so do the other changes of ids: until its exec
    /// the child has the caller's memory, which nobody else may look at.
    Command& user(uid_t id);

    /// Neither the child nor its children gain rights by executing set-user-ID programs.
    Command& no_new_privileges();

    // --- signals --------------------------------------------------------------------------------

    /// The signal that the child gets when the program or the thread that starts it ends, even
    /// between the two, unless the child is in another pid namespace. A program that gains rights
    /// at its start does not get it.
    Command& parent_death_signal(int signal, ParentDeath of = ParentDeath::program);

    /// Signals that the child starts with at their default action. Other signals which the
    /// caller ignores stay ignored.
    Command& signal_defaults(SignalSet signals);

    /// The signals that the child starts with blocked; the default is the calling thread's mask.
    Command& signal_mask(SignalSet signals);

    // --- birth ----------------------------------------------------------------------------------

    /// The child is born in the cgroup v2 that the caller's descriptor @p fd is the directory of;
    /// it has never been in another (Linux 5.7).
    Command& cgroup(int fd);

    /// The child is born in new namespaces: CLONE_NEWNS and so on, see namespaces(7). The ids of a
    /// new user namespace have no mapping until the caller writes one.
    Command& namespaces(int flags);

    /// The start may return before the program runs. If it does not come to run after that, the
    /// child ends with status 127. Backends that always wait go on to do so.
    Command& return_early();

    // --- what was set ---------------------------------------------------------------------------

    /// The arguments that follow argv[0].
    const std::vector<std::string>& args() const { return args_; }

    /// argv[0], if it was given.
    const std::optional<std::string>& arg0() const { return arg0_; }

    /// The environment given to env(), or null.
    const std::shared_ptr<const Environment>& env() const { return env_; }

    /// Name and value, or only the name of a variable that is unset; in the order of the calls.
    using EnvChange = std::pair<std::string, std::optional<std::string>>;

    /// The changes to the environment.
    const std::vector<EnvChange>& env_changes() const { return env_changes_; }

    /// A working directory.
    struct Directory {
        int dirfd;         ///< where a relative path starts, or AT_FDCWD
        std::string path;  ///< empty: dirfd itself
    };

    /// The working directory, if it was given.
    const std::optional<Directory>& directory() const { return directory_; }

    /// The redirections, in the order of the calls: Error::index counts them.
    const std::vector<Redirection>& redirections() const { return redirections_; }

    /// Whether inherit_fds() was called.
    bool inherits_fds() const { return inherit_fds_; }

    /// All else.
    const Attributes& attributes() const { return attributes_; }

private:
    Command& redirect(Redirection redirection);

    std::vector<std::string> args_;
    std::optional<std::string> arg0_;
    std::shared_ptr<const Environment> env_;
    std::vector<EnvChange> env_changes_;
    std::optional<Directory> directory_;
    std::vector<Redirection> redirections_;
    bool inherit_fds_ = false;
    Attributes attributes_;
};

}  // namespace spawntpl
