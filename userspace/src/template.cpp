// SPDX-License-Identifier: MIT
#include "backend.hpp"

#include <spawntpl/template.hpp>

#include <cstdlib>

namespace spawntpl {

struct Template::State {
    detail::Program program;
    const detail::Backend* backend;
    std::unique_ptr<detail::Starter> starter;

    static Result<Template> prepare(Result<detail::Program> program,
                                    const TemplateOptions& options);
};

namespace {

Result<const detail::Backend*> backend_for(const TemplateOptions& options) {
    if (!options.backend.empty())
        return detail::choose_backend(options.backend);
    const char* forced = secure_getenv("SPAWNTPL_BACKEND");
    return detail::choose_backend(forced ? forced : "");
}

}  // namespace

Template::Template(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Result<Template> Template::open(std::string_view program, const TemplateOptions& options) {
    const char* path = std::getenv("PATH");
    return State::prepare(
        detail::find_program(program, path ? std::optional<std::string_view>(path) : std::nullopt),
        options);
}

Result<Template> Template::from_fd(int fd, std::string_view name, const TemplateOptions& options) {
    return State::prepare(detail::adopt_program(fd, name), options);
}

Result<Template> Template::State::prepare(Result<detail::Program> program,
                                          const TemplateOptions& options) {
    auto backend = backend_for(options);
    if (!backend)
        return std::unexpected(std::move(backend.error()));
    if (!program)
        return std::unexpected(std::move(program.error()));

    auto state = std::make_shared<State>(std::move(*program), *backend, nullptr);
    auto starter = (*backend)->prepare(state->program);
    if (!starter)
        return std::unexpected(std::move(starter.error()));
    state->starter = std::move(*starter);
    return Template(std::move(state));
}

Result<Child> Template::spawn(const Command& command) const {
    auto launch = detail::Launch::prepare(state_->program, command);
    if (!launch)
        return std::unexpected(std::move(launch.error()));
    auto started = state_->starter->start(*launch);
    if (!started)
        return std::unexpected(std::move(started.error()));
    return Child(started->pid, started->pidfd.release(), backend());
}

const std::string& Template::program() const {
    return state_->program.label();
}

std::string_view Template::backend() const {
    return state_->backend->name();
}

}  // namespace spawntpl
