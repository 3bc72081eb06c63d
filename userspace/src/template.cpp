// SPDX-License-Identifier: MIT
#include "backend.hpp"

#include <spawntpl/template.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <new>

namespace spawntpl {

namespace {

/// A backend that a Template can start children by. The first is prepared with the Template, the
/// others when a Command needs what those before them cannot do.
class Way {
public:
    explicit Way(const detail::Backend& backend) : backend_(backend) {}

    const detail::Backend& backend() const { return backend_; }

    /// Thread-safe. Tried again after a failure.
    Result<const detail::Starter*> prepared(const detail::Program& program) const {
        std::lock_guard lock(mutex_);
        if (!starter_) {
            auto made = backend_.prepare(program);
            if (!made)
                return std::unexpected(std::move(made.error()));
            starter_ = std::move(*made);
        }
        return starter_.get();
    }

private:
    const detail::Backend& backend_;
    mutable std::mutex mutex_;
    mutable std::unique_ptr<detail::Starter> starter_;
};

/// The name of the backend that is forced, or empty.
std::string forced_backend(const TemplateOptions& options) {
    if (!options.backend.empty())
        return options.backend;
    const char* forced = secure_getenv("SPAWNTPL_BACKEND");
    return forced ? forced : "";
}

/// Whether starts go to the backend "kernel-warm" that are to be warm, or may be.
bool asks_kernel(const TemplateOptions& options, std::string_view forced) {
    // What a broker has are children of the template process.
    return options.warm != Warm::never && !options.broker &&
           (forced.empty() || forced == detail::kernel_backend().name());
}

/// What starts if none of warm_backends_for() does.
Result<std::vector<const detail::Backend*>> backends_for(const TemplateOptions& options) {
    std::string forced = forced_backend(options);
    if (options.warm != Warm::required || forced == detail::kernel_warm_backend().name())
        return detail::choose_backends(forced);
    auto backends = detail::choose_backends(detail::warm_backend().name());
    if (!asks_kernel(options, forced))
        return backends;
    // It can do some things that the other one cannot.
    auto of_kernel = detail::choose_backends(detail::kernel_warm_backend().name());
    if (!backends)
        return of_kernel ? of_kernel : backends;
    if (of_kernel)
        backends->push_back(of_kernel->front());
    return backends;
}

/// The warm backends to try before those, the preferred first.
std::vector<const detail::Backend*> warm_backends_for(const TemplateOptions& options) {
    std::string forced = forced_backend(options);
    if (options.warm == Warm::never || forced == detail::kernel_warm_backend().name() ||
        forced == detail::warm_backend().name())
        return {};
    std::vector<const detail::Backend*> backends;
    if (asks_kernel(options, forced))
        backends.push_back(&detail::kernel_warm_backend());
    if (options.warm == Warm::allowed)
        backends.push_back(&detail::warm_backend());
    return backends;
}

bool wants_another_backend(const Error& error) {
    return error.step == Step::choose_backend &&
           (error.code == std::errc::not_supported ||
            error.code == std::errc::resource_unavailable_try_again);
}

Error unsupported(detail::FeatureSet missing, std::string_view backend) {
    std::string words;
    for (detail::Feature feature : detail::list(missing))
        words.append(words.empty() ? "" : "; ").append(detail::describe(feature));
    return {.code = {ENOTSUP, std::generic_category()},
            .step = Step::choose_backend,
            .path = std::string(backend),
            .detail = "it cannot do: " + words};
}

}  // namespace

struct Template::State {
    detail::Program program;
    Command command;
    std::vector<std::shared_ptr<Way>> ways;

    // To be tried before those.
    std::vector<std::shared_ptr<Way>> warm_ways;
    std::string why_never_warm;  ///< empty if there is a way

    static Result<Template> prepare(Result<detail::Program> program,
                                    const TemplateOptions& options);
    void add_warm_way(const detail::Backend& backend);
    Result<void> prepare_ways();

    /// The first that can do what @p command asks for.
    Result<const Way*> way_for(const Command& command) const {
        detail::FeatureSet needed = detail::needed_features(command);
        for (const auto& way : ways)
            if (needed.without(way->backend().features()).empty())
                return way.get();
        // The last one is the least choosy about systems: name what is missing there.
        const detail::Backend& last = ways.back()->backend();
        return std::unexpected(unsupported(needed.without(last.features()), last.name()));
    }

    /// Why it cannot be this is an error that wants another backend.
    Result<detail::Started> start_warm(const Way& way, const detail::Launch& launch) const {
        detail::FeatureSet missing =
            detail::needed_features(launch.command()).without(way.backend().features());
        if (!missing.empty())
            return std::unexpected(unsupported(missing, way.backend().name()));
        auto starter = way.prepared(program);
        if (!starter)
            return std::unexpected(std::move(starter.error()));
        return (*starter)->start(launch);
    }

    /// A child, and what is to be said of it.
    struct Begun {
        detail::Started started;
        std::string_view backend;
        std::string why_not_warm;
    };

    /// Starts a child by the first of the warm ways that can, else by @p starter of @p way.
    Result<Begun> begin(const detail::Launch& launch, const Way& way,
                        const detail::Starter& starter) const {
        std::string why_not_warm = why_never_warm;
        for (const auto& warm : warm_ways) {
            if (warm.get() == &way)
                continue;
            std::string_view name = warm->backend().name();
            auto started = start_warm(*warm, launch);
            if (started)
                return say(std::move(*started), name, std::move(why_not_warm));
            if (!wants_another_backend(started.error()))
                return std::unexpected(std::move(started.error()));
            // Where there is but one, it need not be named.
            if (warm_ways.size() > 1 || program.only_warm)
                why_not_warm.append(why_not_warm.empty() ? "" : "; ").append(name).append(": ");
            why_not_warm += started.error().detail;
            if (started.error().code == std::errc::resource_unavailable_try_again)
                break;
        }
        auto started = starter.start(launch);
        if (!started) {
            Error& error = started.error();
            if (program.only_warm && !why_not_warm.empty() && wants_another_backend(error))
                error.detail += "; " + why_not_warm;
            return std::unexpected(std::move(error));
        }
        return say(std::move(*started), way.backend().name(), std::move(why_not_warm));
    }

    static Begun say(detail::Started started, std::string_view backend, std::string why_not_warm) {
        if (started.why_cold.empty())
            return {std::move(started), backend, std::move(why_not_warm)};
        std::string why_cold = std::move(started.why_cold);
        return {std::move(started), detail::kernel_backend().name(), std::move(why_cold)};
    }
};

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
    auto backends = backends_for(options);
    if (!backends)
        return std::unexpected(std::move(backends.error()));
    if (!program)
        return std::unexpected(std::move(program.error()));
    if (options.recapture.age.count() < 0)
        return std::unexpected(Error{.code = {EINVAL, std::generic_category()},
                                     .step = Step::request,
                                     .path = program->label(),
                                     .detail = "the age of a capture is negative"});

    const std::vector<const detail::Backend*> warm_backends = warm_backends_for(options);
    if (options.broker && backends->front() != &detail::warm_backend() && warm_backends.empty())
        return std::unexpected(Error{.code = {EINVAL, std::generic_category()},
                                     .step = Step::request,
                                     .path = program->label(),
                                     .detail = "a broker is for warm starts only"});

    auto state = std::make_shared<State>(std::move(*program), options.command);
    state->program.broker = options.broker;
    state->program.warm_required = backends->front()->only_on_request();
    state->program.only_warm = options.warm == Warm::required;
    if (options.recapture.starts != 0)
        state->program.recapture.starts = options.recapture.starts;
    if (options.recapture.age.count() != 0)
        state->program.recapture.age = options.recapture.age;
    if (options.env) {
        auto prepared = detail::prepare_environment(*options.env);
        if (!prepared)
            return std::unexpected(Error{.code = {EINVAL, std::generic_category()},
                                         .step = Step::request,
                                         .path = state->program.label(),
                                         .detail = std::move(prepared.error())});
        state->program.env = std::move(*prepared);
    }
    state->program.ready_args = options.ready_args;
    for (const detail::Backend* backend : *backends)
        state->ways.push_back(std::make_shared<Way>(*backend));
    for (const detail::Backend* backend : warm_backends)
        state->add_warm_way(*backend);
    if (!state->warm_ways.empty() || state->program.only_warm)
        state->why_never_warm.clear();
    if (Result<void> able = state->prepare_ways(); !able)
        return std::unexpected(std::move(able.error()));
    return Template(std::move(state));
}

void Template::State::add_warm_way(const detail::Backend& backend) {
    auto found = detail::choose_backends(backend.name());
    if (!found) {
        why_never_warm = found.error().detail;
        return;
    }
    auto same =
        std::ranges::find_if(ways, [&](const auto& way) { return &way->backend() == &backend; });
    warm_ways.push_back(same != ways.end() ? *same : std::make_shared<Way>(backend));
}

/// The first one has to work or, where there is no cold one, any.
Result<void> Template::State::prepare_ways() {
    Result<void> able;
    for (auto way = ways.begin(); way != ways.end(); way = ways.erase(way)) {
        auto starter = (*way)->prepared(program);
        if (starter)
            return {};
        if (able)
            able = std::unexpected(std::move(starter.error()));
        if (!program.only_warm || !wants_another_backend(able.error()))
            break;
    }
    return able;
}

Result<Child> Template::spawn(const Command& command) const {
    auto way = state_->way_for(command);
    if (!way)
        return std::unexpected(std::move(way.error()));
    auto starter = (*way)->prepared(state_->program);
    if (!starter)
        return std::unexpected(std::move(starter.error()));
    auto launch = detail::Launch::prepare(state_->program, command);
    if (!launch)
        return std::unexpected(std::move(launch.error()));
    auto begun = state_->begin(*launch, **way, **starter);
    if (!begun)
        return std::unexpected(std::move(begun.error()));
    auto [pipes, terminal] = launch->take_parent_ends();
    Child child(begun->started.pid, std::move(begun->started.pidfd), begun->backend,
                std::move(pipes), std::move(terminal));
    child.broker_ = std::move(begun->started.broker);
    child.why_not_warm_ = std::move(begun->why_not_warm);
    return child;
}

std::vector<Result<Child>> Template::spawn_all(std::span<const Command> commands) const {
    // Memory may run out here, but not when there are children.
    std::vector<Result<Child>> children;
    children.reserve(commands.size());
    for (const Command& command : commands) {
        try {
            children.push_back(spawn(command));
        } catch (const std::bad_alloc&) {
            children.push_back(std::unexpected(
                Error{.code = {ENOMEM, std::generic_category()}, .step = Step::request}));
        }
    }
    return children;
}

Result<Child> Template::spawn() const {
    return spawn(state_->command);
}

const Command& Template::command() const {
    return state_->command;
}

const std::string& Template::program() const {
    return state_->program.label();
}

std::string_view Template::backend() const {
    return state_->ways.front()->backend().name();
}

}  // namespace spawntpl
