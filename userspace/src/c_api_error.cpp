// SPDX-License-Identifier: MIT
#include "c_api.hpp"

#include <iterator>
#include <utility>

namespace spawntpl::c_api {

namespace {

// The numbers of the ABI, apart from the enumerators' order.
constexpr std::pair<spawntpl_step, Step> steps[] = {
    {SPAWNTPL_STEP_CHOOSE_BACKEND, Step::choose_backend},
    {SPAWNTPL_STEP_RESOLVE_PROGRAM, Step::resolve_program},
    {SPAWNTPL_STEP_REQUEST, Step::request},
    {SPAWNTPL_STEP_REDIRECT, Step::redirect},
    {SPAWNTPL_STEP_ENTER_DIRECTORY, Step::enter_directory},
    {SPAWNTPL_STEP_SET_UMASK, Step::set_umask},
    {SPAWNTPL_STEP_OPEN_TERMINAL, Step::open_terminal},
    {SPAWNTPL_STEP_START_SESSION, Step::start_session},
    {SPAWNTPL_STEP_JOIN_PROCESS_GROUP, Step::join_process_group},
    {SPAWNTPL_STEP_TAKE_TERMINAL, Step::take_terminal},
    {SPAWNTPL_STEP_ENTER_FOREGROUND, Step::enter_foreground},
    {SPAWNTPL_STEP_SET_LIMIT, Step::set_limit},
    {SPAWNTPL_STEP_SET_NICE, Step::set_nice},
    {SPAWNTPL_STEP_SET_SCHEDULER, Step::set_scheduler},
    {SPAWNTPL_STEP_SET_AFFINITY, Step::set_affinity},
    {SPAWNTPL_STEP_SET_IDS, Step::set_ids},
    {SPAWNTPL_STEP_SET_NO_NEW_PRIVILEGES, Step::set_no_new_privileges},
    {SPAWNTPL_STEP_SET_PARENT_DEATH_SIGNAL, Step::set_parent_death_signal},
    {SPAWNTPL_STEP_SET_SIGNALS, Step::set_signals},
    {SPAWNTPL_STEP_CLONE, Step::clone},
    {SPAWNTPL_STEP_OPEN_PROGRAM, Step::open_program},
    {SPAWNTPL_STEP_EXECUTE, Step::execute},
    {SPAWNTPL_STEP_WAIT, Step::wait},
    {SPAWNTPL_STEP_SEND_SIGNAL, Step::send_signal},
    {SPAWNTPL_STEP_READ_OUTPUT, Step::read_output},
    {SPAWNTPL_STEP_SUPERVISE, Step::supervise},
};

int number_of(Step step) {
    const auto* entry = std::ranges::find(steps, step, &std::pair<spawntpl_step, Step>::second);
    return entry == std::end(steps) ? 0 : entry->first;
}

template <std::size_t size>
void copy_string(char (&to)[size], std::string_view from) {
    from = from.substr(0, size - 1);
    std::copy(from.begin(), from.end(), to);
    to[from.size()] = '\0';
}

void fill_error(spawntpl_error* error, const Error& cause, std::string_view message) {
    spawntpl_error value{};
    value.code = cause.code.value();
    value.step = number_of(cause.step);
    value.index = cause.index;
    value.target = cause.target;
    value.source = cause.source;
    value.inferred = cause.inferred;
    copy_string(value.path, cause.path);
    copy_string(value.message, message);
    fill(error, value);
}

}  // namespace

int report(spawntpl_error* error, const Error& cause) noexcept {
    if (error) {
        try {
            fill_error(error, cause, cause.message());
        } catch (const std::exception&) {
            // What is left without memory.
            const char* text = strerrordesc_np(cause.code.value());
            fill_error(error, cause, text ? text : "unknown error");
        }
    }
    return -cause.code.value();
}

int report(spawntpl_error* error, int code, Step step, const char* detail) noexcept {
    Error cause{.code = {code, std::generic_category()}, .step = step};
    try {
        cause.detail = detail;
    } catch (const std::bad_alloc&) {
        // Then without it.
    }
    return report(error, cause);
}

}  // namespace spawntpl::c_api

const char* spawntpl_step_name(int step) {
    using namespace spawntpl;
    for (auto [number, value] : c_api::steps)
        if (number == step)
            return c_api::name(to_string(value));
    return "unknown";
}

const char* spawntpl_version(void) {
    return SPAWNTPL_VERSION;
}
