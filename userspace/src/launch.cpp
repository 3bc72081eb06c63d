// SPDX-License-Identifier: MIT
#include "launch.hpp"

#include "above_stdio.hpp"
#include "request_errors.hpp"

#include <utility>

#include <linux/sched.h>

namespace spawntpl::detail {

namespace {

constexpr unsigned namespace_kinds = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME;

// execve(2) does not write to strings that it takes as char*.
char* mutable_string(const std::string& string) {
    return const_cast<char*>(string.c_str());
}

bool has_nul(const std::string& string) {
    return string.find('\0') != std::string::npos;
}

}  // namespace

Result<Launch> Launch::prepare(const Program& program, const Command& command) {
    Launch launch(program, command);
    for (auto step : {&Launch::prepare_args, &Launch::prepare_env, &Launch::check_attributes,
                      &Launch::open_fds, &Launch::open_directory})
        if (auto done = (launch.*step)(); !done)
            return std::unexpected(std::move(done.error()));
    return launch;
}

char* const* Launch::envp() const {
    if (own_env_)
        return own_env_->data();
    return program_->env ? program_->env->block.data() : environ;
}

Result<void> Launch::prepare_args() {
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
    return {};
}

Result<void> Launch::prepare_env() {
    auto use = [&](EnvironmentBlock::Made made) -> Result<void> {
        if (!made)
            return std::unexpected(request_error(EINVAL, std::move(made.error())));
        own_env_ = std::move(*made);
        return {};
    };
    if (command_->env())
        if (auto made = use(EnvironmentBlock::make(*command_->env())); !made)
            return made;
    if (command_->env_changes().empty())
        return {};
    return use(EnvironmentBlock::change(envp(), command_->env_changes()));
}

Result<void> Launch::check_attributes() {
    const Attributes& attributes = command_->attributes();
    const auto& death = attributes.parent_death_signal;
    if (death && death->of == ParentDeath::program && gettid() != getpid()) {
        Error error = attribute_error(*command_, EINVAL, Step::set_parent_death_signal);
        error.detail += "; it would come at the end of this thread, which is not the main thread";
        return std::unexpected(std::move(error));
    }
    // The system calls take -1 for "unchanged".
    if (attributes.user == static_cast<uid_t>(-1) || attributes.group == static_cast<gid_t>(-1))
        return std::unexpected(attribute_error(*command_, EINVAL, Step::set_ids));
    if (static_cast<unsigned>(attributes.namespaces) & ~namespace_kinds)
        return std::unexpected(request_error(EINVAL, "a flag is that of no namespace"));
    if (attributes.controlling_terminal && attributes.pseudo_terminal)
        return std::unexpected(attribute_error(*command_, EINVAL, Step::take_terminal));
    if (attributes.controlling_terminal && *attributes.controlling_terminal < 0)
        return std::unexpected(attribute_error(*command_, EBADF, Step::take_terminal));
    if (attributes.controlling_terminal && !attributes.new_session)
        return std::unexpected(attribute_error(*command_, EPERM, Step::take_terminal));
    return {};
}

Result<void> Launch::open_fds() {
    auto fds = ChildFds::open(*command_);
    if (!fds)
        return std::unexpected(std::move(fds.error()));
    fds_ = std::move(*fds);
    return {};
}

Result<void> Launch::open_directory() {
    const auto& directory = command_->directory();
    if (!directory)
        return {};
    if (has_nul(directory->path))
        return std::unexpected(directory_error(*command_, EINVAL, "the path contains a NUL"));
    bool itself = directory->path.empty() && directory->dirfd != AT_FDCWD;
    directory_ = above_stdio(openat(directory->dirfd, itself ? "." : directory->path.c_str(),
                                    O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory_)
        return std::unexpected(directory_error(*command_, errno));
    return {};
}

Error Launch::request_error(int error, std::string detail) const {
    Error result = program_error(error, Step::request);
    result.detail = std::move(detail);
    return result;
}

Error Launch::program_error(int error, Step step) const {
    return {.code = {error, std::generic_category()}, .step = step, .path = program_->label()};
}

Error Launch::clone_error(int error) const {
    Error result = program_error(error, Step::clone);
    if (command_->attributes().cgroup)
        result.detail =
            "in the cgroup of descriptor " + std::to_string(*command_->attributes().cgroup);
    else if (command_->attributes().namespaces)
        result.detail = "in new namespaces";
    return result;
}

}  // namespace spawntpl::detail
