// SPDX-License-Identifier: MIT
#include "child_fds.hpp"

#include "above_stdio.hpp"
#include "request_errors.hpp"

#include <algorithm>
#include <utility>

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

namespace spawntpl::detail {

namespace {

/// Of a pseudo-terminal that no redirection asks for by itself.
constexpr int no_redirection = -1;

bool redirects(const Command& command, int target) {
    return std::ranges::count(command.redirections(), target, &Redirection::target) != 0;
}

Error terminal_error(const Command& command, int error) {
    return attribute_error(command, error, Step::open_terminal);
}

std::expected<Fd, int> make_data_file(std::string_view bytes) {
    Fd fd = above_stdio(memfd_create("spawntpl-input", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd)
        return std::unexpected(errno);
    // A write beyond it is a signal to the caller.
    rlimit size{};
    if (getrlimit(RLIMIT_FSIZE, &size) == 0 && bytes.size() > size.rlim_cur)
        return std::unexpected(EFBIG);
    for (std::size_t done = 0; done < bytes.size();) {
        ssize_t count =
            pwrite(fd.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
        if (count < 0 && errno != EINTR)
            return std::unexpected(errno);
        done += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    if (fcntl(fd.get(), F_ADD_SEALS, seals) != 0)
        return std::unexpected(errno);
    return fd;
}

}  // namespace

Result<ChildFds> ChildFds::open(const Command& command) {
    ChildFds fds(command);
    // Sources are checked before anything is opened: a new descriptor could get the number of one
    // that is missing.
    for (auto step : {&ChildFds::check, &ChildFds::open_pseudo_terminal, &ChildFds::open_sources,
                      &ChildFds::resolve_same})
        if (auto done = (fds.*step)(); !done)
            return std::unexpected(std::move(done.error()));
    return fds;
}

Result<void> ChildFds::check() {
    const auto& redirections = command_->redirections();
    for (std::size_t i = 0; i < redirections.size(); ++i) {
        int index = static_cast<int>(i);
        if (redirections[i].target < 0)
            return std::unexpected(redirect_error(*command_, EBADF, index));
        const auto* from = std::get_if<FromFd>(&redirections[i].source);
        if (from && fcntl(from->fd, F_GETFD) < 0)
            return std::unexpected(redirect_error(*command_, errno, index));
    }
    controlling_terminal_ = command_->attributes().controlling_terminal.value_or(-1);
    return {};
}

Result<void> ChildFds::open_pseudo_terminal() {
    const auto& size = command_->attributes().pseudo_terminal;
    if (!size)
        return {};
    Fd master = above_stdio(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    int locked = 0;
    winsize window{.ws_row = size->rows, .ws_col = size->columns, .ws_xpixel = 0, .ws_ypixel = 0};
    if (!master || ioctl(master.get(), TIOCSPTLCK, &locked) != 0 ||
        ioctl(master.get(), TIOCSWINSZ, &window) != 0)
        return std::unexpected(terminal_error(*command_, errno));
    // Not by its name, which may be that of another one in a container.
    Fd slave = above_stdio(ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave)
        return std::unexpected(terminal_error(*command_, errno));

    for (int target : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (!redirects(*command_, target))
            moves_.push_back({target, slave.get(), no_redirection});
    controlling_terminal_ = slave.get();
    parent_ends_.terminal = std::move(master);
    held_.push_back(std::move(slave));
    return {};
}

Result<void> ChildFds::open_sources() {
    const auto& redirections = command_->redirections();
    for (std::size_t i = 0; i < redirections.size(); ++i) {
        int index = static_cast<int>(i);
        int target = redirections[i].target;
        auto move_from = [&](int fd) { moves_.push_back({target, fd, index}); };
        auto done = std::visit(
            [&]<typename Source>(const Source& source) -> Result<void> {
                if constexpr (std::is_same_v<Source, FromFd>) {
                    move_from(source.fd);
                } else if constexpr (std::is_same_v<Source, Closed>) {
                    closes_.push_back({target, index});
                } else if constexpr (!std::is_same_v<Source, SameAs>) {
                    auto fd = open_source(source, index);
                    if (!fd)
                        return std::unexpected(std::move(fd.error()));
                    move_from(fd->get());
                    held_.push_back(std::move(*fd));
                }
                return {};
            },
            redirections[i].source);
        if (!done)
            return done;
    }
    return {};
}

Result<Fd> ChildFds::open_source(const FromFile& file, int index) const {
    if (file.path.find('\0') != std::string::npos)
        return std::unexpected(redirect_error(*command_, EINVAL, index, "the path contains a NUL"));
    // O_NOCTTY: opening a terminal for a child must not make it the caller's own.
    Fd fd = above_stdio(::open(file.path.c_str(), file.flags | O_CLOEXEC | O_NOCTTY, file.mode));
    if (!fd)
        return std::unexpected(redirect_error(*command_, errno, index));
    return fd;
}

Result<Fd> ChildFds::open_source(const FromPipe& pipe, int index) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return std::unexpected(redirect_error(*command_, errno, index));
    Fd reads = above_stdio(ends[0]), writes = above_stdio(ends[1]);
    int target = command_->redirections()[static_cast<std::size_t>(index)].target;
    parent_ends_.pipes[target] = std::move(pipe.child_writes ? reads : writes);
    return std::move(pipe.child_writes ? writes : reads);
}

Result<Fd> ChildFds::open_source(const FromData& data, int index) const {
    auto fd = make_data_file(data.bytes);
    if (!fd && fd.error() == EFBIG)
        return std::unexpected(redirect_error(
            *command_, EFBIG, index,
            std::to_string(data.bytes.size()) + " bytes are more than the caller's RLIMIT_FSIZE"));
    if (!fd)
        return std::unexpected(redirect_error(*command_, fd.error(), index));
    return std::move(*fd);
}

Result<void> ChildFds::resolve_same() {
    const auto& redirections = command_->redirections();
    for (std::size_t i = 0; i < redirections.size(); ++i) {
        const auto* same = std::get_if<SameAs>(&redirections[i].source);
        if (!same)
            continue;
        int index = static_cast<int>(i);
        int other = same->target;
        // Through others that are the same as yet others; a circle is longer than all of them.
        for (std::size_t steps = 0; steps <= redirections.size(); ++steps) {
            auto next = std::ranges::find(redirections, other, &Redirection::target);
            const auto* further =
                next == redirections.end() ? nullptr : std::get_if<SameAs>(&next->source);
            if (!further)
                break;
            if (steps == redirections.size())
                return std::unexpected(redirect_error(*command_, ELOOP, index));
            other = further->target;
        }
        auto source = std::ranges::find(moves_, other, &FdMove::target);
        if (source != moves_.end())
            moves_.push_back({redirections[i].target, source->source, index});
        else if (!redirects(*command_, other) && fcntl(other, F_GETFD) >= 0 &&
                 (other <= STDERR_FILENO || command_->inherits_fds()))
            moves_.push_back({redirections[i].target, other, index});
        else
            return std::unexpected(redirect_error(*command_, EBADF, index));
    }
    return {};
}

Result<void> order_moves(const Command& command, std::vector<FdMove>& moves,
                         std::vector<Fd>& held) {
    std::vector<int> targets;
    for (const FdMove& move : moves)
        targets.push_back(move.target);
    std::ranges::sort(targets);

    auto hold = [&](const FdMove& move) -> std::expected<int, int> {
        // A target would be overwritten before it is read.
        Fd copy(fcntl(move.source, F_DUPFD_CLOEXEC, first_after_stdio));
        while (copy && std::ranges::binary_search(targets, copy.get()))
            copy.reset(fcntl(move.source, F_DUPFD_CLOEXEC, copy.get() + 1));
        if (!copy)
            return std::unexpected(errno);
        held.push_back(std::move(copy));
        return held.back().get();
    };

    auto ordered = order_moves(moves, hold);
    if (ordered)
        return {};
    auto [index, error] = ordered.error();
    return std::unexpected(index == no_redirection ? terminal_error(command, error)
                                                   : redirect_error(command, error, index));
}

}  // namespace spawntpl::detail
