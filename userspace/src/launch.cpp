// SPDX-License-Identifier: MIT
#include "launch.hpp"

#include <algorithm>
#include <utility>

namespace spawntpl::detail {

namespace {

// execve(2) and the system calls here do not write to strings that they take as char*.
char* mutable_string(const std::string& string) {
    return const_cast<char*>(string.c_str());
}

bool has_nul(const std::string& string) {
    return string.find('\0') != std::string::npos;
}

}  // namespace

Result<Launch> Launch::prepare(const Program& program, const Command& command) {
    Launch launch(program, command);
    // Sources are checked before anything is opened: a new descriptor could get the number of one
    // that is missing.
    for (auto step : {&Launch::prepare_strings, &Launch::check_sources, &Launch::open_files,
                      &Launch::open_directory})
        if (auto done = (launch.*step)(); !done)
            return std::unexpected(std::move(done.error()));
    return launch;
}

char* const* Launch::envp() const {
    return command_->env() ? envp_.data() : environ;
}

Result<void> Launch::prepare_strings() {
    argv_.reserve(command_->args().size() + 2);
    argv_.push_back(mutable_string(command_->arg0() ? *command_->arg0() : program_->name));
    for (const std::string& arg : command_->args())
        argv_.push_back(mutable_string(arg));
    argv_.push_back(nullptr);

    if (command_->arg0() && has_nul(*command_->arg0()))
        return std::unexpected(request_error(EINVAL, "argument 0 contains a NUL"));
    for (std::size_t i = 0; i < command_->args().size(); ++i)
        if (has_nul(command_->args()[i]))
            return std::unexpected(
                request_error(EINVAL, "argument " + std::to_string(i + 1) + " contains a NUL"));

    if (!command_->env())
        return {};
    envp_.reserve(command_->env()->size() + 1);
    for (const std::string& entry : *command_->env()) {
        if (has_nul(entry))
            return std::unexpected(request_error(
                EINVAL, "environment entry " + std::to_string(envp_.size()) + " contains a NUL"));
        envp_.push_back(mutable_string(entry));
    }
    envp_.push_back(nullptr);
    return {};
}

Result<void> Launch::check_sources() {
    const auto& redirections = command_->redirections();
    for (std::size_t i = 0; i < redirections.size(); ++i) {
        int index = static_cast<int>(i);
        if (redirections[i].target < 0)
            return std::unexpected(redirect_error(EBADF, index));
        const auto* from = std::get_if<FromFd>(&redirections[i].source);
        if (from && fcntl(from->fd, F_GETFD) < 0)
            return std::unexpected(redirect_error(errno, index));
    }
    return {};
}

Result<void> Launch::open_files() {
    const auto& redirections = command_->redirections();
    for (std::size_t i = 0; i < redirections.size(); ++i) {
        int index = static_cast<int>(i);
        const Redirection& redirection = redirections[i];
        if (const auto* from = std::get_if<FromFd>(&redirection.source)) {
            moves_.push_back({redirection.target, from->fd, index});
        } else if (const auto* file = std::get_if<FromFile>(&redirection.source)) {
            if (has_nul(file->path))
                return std::unexpected(redirect_error(EINVAL, index, "the path contains a NUL"));
            // O_NOCTTY: opening a terminal for a child must not make it the caller's own.
            UniqueFd fd = above_stdio(
                open(file->path.c_str(), file->flags | O_CLOEXEC | O_NOCTTY, file->mode));
            if (!fd)
                return std::unexpected(redirect_error(errno, index));
            moves_.push_back({redirection.target, fd.get(), index});
            files_.push_back(std::move(fd));
        } else {
            closes_.push_back({redirection.target, index});
        }
    }
    return {};
}

Result<void> Launch::open_directory() {
    if (!command_->cwd())
        return {};
    if (has_nul(*command_->cwd()))
        return std::unexpected(directory_error(EINVAL, "the path contains a NUL"));
    directory_ = above_stdio(open(command_->cwd()->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory_)
        return std::unexpected(directory_error(errno));
    return {};
}

Error Launch::request_error(int error, std::string detail) const {
    Error result = program_error(error, Step::request);
    result.detail = std::move(detail);
    return result;
}

Error Launch::redirect_error(int error, int index, std::string detail) const {
    const Redirection& redirection = command_->redirections()[static_cast<std::size_t>(index)];
    Error result{.code = {error, std::generic_category()},
                 .step = Step::redirect,
                 .index = index,
                 .target = redirection.target,
                 .detail = std::move(detail)};
    if (const auto* from = std::get_if<FromFd>(&redirection.source))
        result.source = from->fd;
    if (const auto* file = std::get_if<FromFile>(&redirection.source))
        result.path = file->path;
    return result;
}

Error Launch::directory_error(int error, std::string detail) const {
    return {.code = {error, std::generic_category()},
            .step = Step::enter_directory,
            .path = command_->cwd().value_or(""),
            .detail = std::move(detail)};
}

Error Launch::program_error(int error, Step step) const {
    return {.code = {error, std::generic_category()}, .step = step, .path = program_->label()};
}

Result<void> order_moves(const Launch& launch, std::vector<FdMove>& moves,
                         std::vector<UniqueFd>& held) {
    std::vector<int> targets;
    for (const FdMove& move : moves)
        targets.push_back(move.target);
    std::ranges::sort(targets);

    auto hold = [&](const FdMove& move) -> std::expected<int, int> {
        // A target would be overwritten before it is read.
        UniqueFd copy(fcntl(move.source, F_DUPFD_CLOEXEC, first_after_stdio));
        while (copy && std::ranges::binary_search(targets, copy.get()))
            copy.reset(fcntl(move.source, F_DUPFD_CLOEXEC, copy.get() + 1));
        if (!copy)
            return std::unexpected(errno);
        held.push_back(std::move(copy));
        return held.back().get();
    };

    auto ordered = order_moves(moves, hold);
    if (!ordered)
        return std::unexpected(launch.redirect_error(ordered.error().error, ordered.error().index));
    return {};
}

}  // namespace spawntpl::detail
