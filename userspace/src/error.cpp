// SPDX-License-Identifier: MIT
#include <spawntpl/error.hpp>

namespace spawntpl {

namespace {

std::string quoted(const std::string& path) {
    return "'" + path + "'";
}

std::string redirection(const Error& error) {
    std::string text = "cannot redirect descriptor " + std::to_string(error.target);
    if (!error.path.empty())
        return text + " to " + quoted(error.path);
    if (error.source >= 0)
        return text + " to descriptor " + std::to_string(error.source);
    return text;
}

std::string what(const Error& error) {
    switch (error.step) {
    case Step::choose_backend:
        return error.path.empty() ? "cannot start programs"
                                  : "cannot use backend " + quoted(error.path);
    case Step::resolve_program:
        return "cannot find program " + quoted(error.path);
    case Step::request:
        return "cannot start " + quoted(error.path) + " as requested";
    case Step::redirect:
        return redirection(error);
    case Step::enter_directory:
        return "cannot enter working directory " + quoted(error.path);
    case Step::clone:
        return "cannot create a process for " + quoted(error.path);
    case Step::open_program:
        return "cannot open program " + quoted(error.path);
    case Step::execute:
        return "cannot execute " + quoted(error.path);
    case Step::wait:
        return "cannot wait for the child";
    case Step::send_signal:
        return "cannot send a signal to the child";
    }
    return "unknown step";
}

}  // namespace

std::string_view to_string(Step step) {
    switch (step) {
    case Step::choose_backend:
        return "choose_backend";
    case Step::resolve_program:
        return "resolve_program";
    case Step::request:
        return "request";
    case Step::redirect:
        return "redirect";
    case Step::enter_directory:
        return "enter_directory";
    case Step::clone:
        return "clone";
    case Step::open_program:
        return "open_program";
    case Step::execute:
        return "execute";
    case Step::wait:
        return "wait";
    case Step::send_signal:
        return "send_signal";
    }
    return "unknown";
}

std::string Error::message() const {
    std::string text = what(*this) + ": " + code.message();
    return detail.empty() ? text : text + " (" + detail + ")";
}

}  // namespace spawntpl
