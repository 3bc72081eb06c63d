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

std::string directory(const Error& error) {
    std::string text = "cannot enter working directory";
    if (!error.path.empty() || error.source < 0)
        text += " " + quoted(error.path);
    return error.source < 0 ? text : text + " of descriptor " + std::to_string(error.source);
}

std::string what(const Error& error) {
    switch (error.step) {
    case Step::choose_backend:
        return error.path.empty() ? "cannot start programs"
                                  : "cannot use backend " + quoted(error.path);
    case Step::resolve_program:
        return "cannot find program " + quoted(error.path);
    case Step::request:
        return "cannot start " + (error.path.empty() ? "a program" : quoted(error.path)) +
               " as requested";
    case Step::redirect:
        return redirection(error);
    case Step::enter_directory:
        return directory(error);
    case Step::set_umask:
        return "cannot set the file mode creation mask";
    case Step::open_terminal:
        return "cannot make a pseudo-terminal";
    case Step::start_session:
        return "cannot start a session";
    case Step::join_process_group:
        return "cannot join the process group";
    case Step::take_terminal:
        return "cannot take the controlling terminal";
    case Step::enter_foreground:
        return "cannot enter the foreground of the terminal";
    case Step::set_limit:
        return "cannot set the resource limit";
    case Step::set_nice:
        return "cannot set the nice value";
    case Step::set_scheduler:
        return "cannot set the scheduling policy";
    case Step::set_affinity:
        return "cannot set the CPU affinity";
    case Step::set_ids:
        return "cannot set user and group ids";
    case Step::set_no_new_privileges:
        return "cannot give up new privileges";
    case Step::set_parent_death_signal:
        return "cannot set the parent-death signal";
    case Step::set_signals:
        return "cannot set signals";
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
    case Step::read_output:
        return "cannot read what the child writes";
    case Step::supervise:
        return error.path.empty() ? "cannot watch children"
                                  : "cannot run " + quoted(error.path) + " as a job";
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
    case Step::set_umask:
        return "set_umask";
    case Step::open_terminal:
        return "open_terminal";
    case Step::start_session:
        return "start_session";
    case Step::join_process_group:
        return "join_process_group";
    case Step::take_terminal:
        return "take_terminal";
    case Step::enter_foreground:
        return "enter_foreground";
    case Step::set_limit:
        return "set_limit";
    case Step::set_nice:
        return "set_nice";
    case Step::set_scheduler:
        return "set_scheduler";
    case Step::set_affinity:
        return "set_affinity";
    case Step::set_ids:
        return "set_ids";
    case Step::set_no_new_privileges:
        return "set_no_new_privileges";
    case Step::set_parent_death_signal:
        return "set_parent_death_signal";
    case Step::set_signals:
        return "set_signals";
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
    case Step::read_output:
        return "read_output";
    case Step::supervise:
        return "supervise";
    }
    return "unknown";
}

std::string Error::message() const {
    std::string text = what(*this) + ": " + code.message();
    return detail.empty() ? text : text + " (" + detail + ")";
}

}  // namespace spawntpl
