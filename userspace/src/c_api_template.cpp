// SPDX-License-Identifier: MIT
#include "c_api.hpp"
#include "c_api_objects.hpp"

#include <spawntpl/backends.hpp>

#include <algorithm>
#include <memory>
#include <span>

namespace {

using namespace spawntpl;
using c_api::call;
using c_api::call_with;
using c_api::null_pointer;
using c_api::report;

struct Wrong {
    int code;
    const char* what;
};

std::expected<TemplateOptions, Wrong> to_options(const spawntpl_template_options* given) {
    TemplateOptions options;
    if (!given)
        return options;
    auto read = c_api::read(given);
    if (!read)
        return std::unexpected(Wrong{read.error(), "the options' size"});
    if (read->warm > SPAWNTPL_WARM_REQUIRED)
        return std::unexpected(Wrong{EINVAL, "the options' warm"});
    if (read->broker > 1)
        return std::unexpected(Wrong{EINVAL, "the options' broker"});
    if (read->recapture_ms < 0)
        return std::unexpected(Wrong{EINVAL, "the options' recapture_ms"});
    if (read->backend)
        options.backend = read->backend;
    if (read->env)
        options.env = c_api::strings(read->env);
    if (read->command)
        options.command = read->command->value;
    options.warm = static_cast<Warm>(read->warm);
    options.recapture = {.starts = read->recapture_starts,
                         .age = std::chrono::milliseconds(read->recapture_ms)};
    if (read->ready_args)
        options.ready_args = c_api::strings(read->ready_args);
    options.broker = read->broker != 0;
    return options;
}

/// The frame of the calls that make a template: @p make gets the options.
template <typename Make>
int make_template(const char* name, const spawntpl_template_options* given,
                  spawntpl_template** result, spawntpl_error* error, Make&& make) {
    return call(error, Step::resolve_program, [&] {
        if (!name || !result)
            return report(error, EINVAL, Step::request, null_pointer);
        auto options = to_options(given);
        if (!options)
            return report(error, options.error().code, Step::request, options.error().what);
        Result<Template> made = make(*options);
        if (!made)
            return report(error, made.error());
        *result = new spawntpl_template{std::move(*made)};
        return 0;
    });
}

/// The strings of a list that lives as long as the program, and an array of them.
class Words {
public:
    explicit Words(const std::vector<std::string_view>& words)
        : strings_(words.begin(), words.end()) {
        for (const std::string& string : strings_)
            pointers_.push_back(string.c_str());
        pointers_.push_back(nullptr);
    }

    Words(Words&&) = default;

    const char* const* array() const { return pointers_.data(); }

private:
    std::vector<std::string> strings_;
    std::vector<const char*> pointers_;
};

struct Backend {
    std::string name;
    std::string description;
    std::string reason;
    Words features;
};

const std::vector<Backend>& all_backends() {
    static const std::vector<Backend> result = [] {
        std::vector<Backend> copies;
        for (const BackendInfo& info : backends())
            copies.push_back({std::string(info.name), std::string(info.description), info.reason,
                              Words(info.features)});
        return copies;
    }();
    return result;
}

}  // namespace

int spawntpl_backend_get(size_t index, spawntpl_backend* backend) {
    if (!backend || !c_api::fillable(backend))
        return -EINVAL;
    return call(nullptr, Step::choose_backend, [&] {
        if (index >= all_backends().size())
            return -ENOENT;
        const Backend& found = all_backends()[index];
        c_api::fill(backend, {.size = 0,
                              .name = found.name.c_str(),
                              .description = found.description.c_str(),
                              .reason = found.reason.empty() ? nullptr : found.reason.c_str(),
                              .features = found.features.array()});
        return 0;
    });
}

const char* const* spawntpl_backend_features(void) {
    static const char* const none[] = {nullptr};
    const char* const* result = none;
    call_with([&] {
        static const Words words(backend_features());
        result = words.array();
    });
    return result;
}

int spawntpl_template_open(const char* program, const spawntpl_template_options* options,
                           spawntpl_template** result, spawntpl_error* error) {
    return make_template(program, options, result, error, [&](const TemplateOptions& read) {
        return Template::open(program, read);
    });
}

int spawntpl_template_from_fd(int fd, const char* name, const spawntpl_template_options* options,
                              spawntpl_template** result, spawntpl_error* error) {
    return make_template(name, options, result, error, [&](const TemplateOptions& read) {
        return Template::from_fd(fd, name, read);
    });
}

void spawntpl_template_free(spawntpl_template* program) {
    delete program;
}

int spawntpl_template_spawn(const spawntpl_template* program, const spawntpl_command* command,
                            spawntpl_child** child, spawntpl_error* error) {
    return call(error, Step::request, [&] {
        if (!program || !child)
            return report(error, EINVAL, Step::request, null_pointer);
        // First, so that nothing can fail when the process exists.
        auto owner = std::make_unique<spawntpl_child>(Child(0, {}, {}));
        Result<Child> started =
            command ? program->value.spawn(command->value) : program->value.spawn();
        if (!started)
            return report(error, started.error());
        owner->value = std::move(*started);
        *child = owner.release();
        return 0;
    });
}

int spawntpl_template_spawn_all(const spawntpl_template* program,
                                const spawntpl_command* const* commands, size_t count,
                                spawntpl_child** children, spawntpl_error* error) {
    return call(error, Step::request, [&] {
        if (!program || !commands || !children ||
            std::any_of(commands, commands + count, [](auto* command) { return !command; }))
            return report(error, EINVAL, Step::request, null_pointer);
        std::fill_n(children, count, nullptr);
        std::vector<Command> copies;
        for (const spawntpl_command* command : std::span(commands, count))
            copies.push_back(command->value);
        // First, so that nothing can fail when the processes exist.
        std::vector<std::unique_ptr<spawntpl_child>> owners(count);
        for (auto& owner : owners)
            owner = std::make_unique<spawntpl_child>(Child(0, {}, {}));

        auto started = program->value.spawn_all(copies);
        int result = 0;
        for (size_t i = 0; i < count; ++i) {
            if (started[i]) {
                owners[i]->value = std::move(*started[i]);
                children[i] = owners[i].release();
            } else if (result == 0) {
                result = report(error, started[i].error());
            }
        }
        return result;
    });
}

int spawntpl_template_command(const spawntpl_template* program, spawntpl_command** command) {
    return call_with([&] { *command = new spawntpl_command{program->value.command()}; }, program,
                     command);
}

const char* spawntpl_template_program(const spawntpl_template* program) {
    return program->value.program().c_str();
}

const char* spawntpl_template_backend(const spawntpl_template* program) {
    return c_api::name(program->value.backend());
}
