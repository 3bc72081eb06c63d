// SPDX-License-Identifier: MIT
#include "c_api.hpp"
#include "c_api_objects.hpp"

namespace {

using spawntpl::c_api::call_with;
using spawntpl::c_api::strings;

spawntpl::SignalSet signal_set(std::uint64_t bits) {
    spawntpl::SignalSet set;
    for (int signal = 1; signal <= 64; ++signal)
        if (bits & SPAWNTPL_SIGNAL(signal))
            set.add(signal);
    return set;
}

}  // namespace

int spawntpl_command_new(spawntpl_command** command) {
    return call_with([&] { *command = new spawntpl_command; }, command);
}

int spawntpl_command_copy(const spawntpl_command* from, spawntpl_command** command) {
    return call_with([&] { *command = new spawntpl_command{from->value}; }, from, command);
}

void spawntpl_command_free(spawntpl_command* command) {
    delete command;
}

int spawntpl_command_arg(spawntpl_command* command, const char* value) {
    return call_with([&] { command->value.arg(value); }, command, value);
}

int spawntpl_command_args(spawntpl_command* command, const char* const* values) {
    return call_with([&] { command->value.args(strings(values)); }, command, values);
}

int spawntpl_command_arg0(spawntpl_command* command, const char* value) {
    return call_with([&] { command->value.arg0(value); }, command, value);
}

int spawntpl_command_env(spawntpl_command* command, const char* const* entries) {
    return call_with([&] { command->value.env(strings(entries)); }, command, entries);
}

int spawntpl_command_set_env(spawntpl_command* command, const char* name, const char* value) {
    return call_with([&] { command->value.set_env(name, value); }, command, name, value);
}

int spawntpl_command_unset_env(spawntpl_command* command, const char* name) {
    return call_with([&] { command->value.unset_env(name); }, command, name);
}

int spawntpl_command_cwd(spawntpl_command* command, const char* path) {
    return call_with([&] { command->value.cwd(path); }, command, path);
}

int spawntpl_command_cwd_at(spawntpl_command* command, int dirfd, const char* path) {
    return call_with([&] { command->value.cwd_at(dirfd, path); }, command, path);
}

int spawntpl_command_umask(spawntpl_command* command, mode_t mask) {
    return call_with([&] { command->value.umask(mask); }, command);
}

int spawntpl_command_new_session(spawntpl_command* command) {
    return call_with([&] { command->value.new_session(); }, command);
}

int spawntpl_command_process_group(spawntpl_command* command, pid_t group) {
    return call_with([&] { command->value.process_group(group); }, command);
}

int spawntpl_command_controlling_terminal(spawntpl_command* command, int fd) {
    return call_with([&] { command->value.controlling_terminal(fd); }, command);
}

int spawntpl_command_foreground(spawntpl_command* command, int fd) {
    return call_with([&] { command->value.foreground(fd); }, command);
}

int spawntpl_command_pseudo_terminal(spawntpl_command* command, unsigned short rows,
                                     unsigned short columns) {
    return call_with([&] { command->value.pseudo_terminal({rows, columns}); }, command);
}

int spawntpl_command_fd(spawntpl_command* command, int target, int source) {
    return call_with([&] { command->value.fd(target, source); }, command);
}

int spawntpl_command_file(spawntpl_command* command, int target, const char* path, int flags,
                          mode_t mode) {
    return call_with([&] { command->value.file(target, path, flags, mode); }, command, path);
}

int spawntpl_command_null(spawntpl_command* command, int target) {
    return call_with([&] { command->value.null(target); }, command);
}

int spawntpl_command_pipe_to_child(spawntpl_command* command, int target) {
    return call_with([&] { command->value.pipe_to_child(target); }, command);
}

int spawntpl_command_pipe_from_child(spawntpl_command* command, int target) {
    return call_with([&] { command->value.pipe_from_child(target); }, command);
}

int spawntpl_command_input(spawntpl_command* command, const void* bytes, size_t count) {
    const void* begin = count == 0 ? "" : bytes;
    return call_with(
        [&] {
            command->value.input({static_cast<const char*>(begin), count});
        },
        command, static_cast<const char*>(begin));
}

int spawntpl_command_same_as(spawntpl_command* command, int target, int other) {
    return call_with([&] { command->value.same_as(target, other); }, command);
}

int spawntpl_command_close(spawntpl_command* command, int target) {
    return call_with([&] { command->value.close(target); }, command);
}

int spawntpl_command_inherit_fds(spawntpl_command* command, bool inherit) {
    return call_with([&] { command->value.inherit_fds(inherit); }, command);
}

int spawntpl_command_limit(spawntpl_command* command, int resource, uint64_t soft, uint64_t hard) {
    return call_with([&] { command->value.limit(resource, soft, hard); }, command);
}

int spawntpl_command_nice(spawntpl_command* command, int value) {
    return call_with([&] { command->value.nice(value); }, command);
}

int spawntpl_command_scheduler(spawntpl_command* command, int policy, int priority) {
    return call_with([&] { command->value.scheduler(policy, priority); }, command);
}

int spawntpl_command_affinity(spawntpl_command* command, const int* cpus, size_t count) {
    return call_with([&] { command->value.affinity({cpus, cpus + count}); }, command, cpus);
}

int spawntpl_command_reset_ids(spawntpl_command* command) {
    return call_with([&] { command->value.reset_ids(); }, command);
}

int spawntpl_command_groups(spawntpl_command* command, const gid_t* ids, size_t count) {
    if (!ids && count != 0)
        return -EINVAL;
    return call_with([&] { command->value.groups({ids, ids + count}); }, command);
}

int spawntpl_command_group(spawntpl_command* command, gid_t id) {
    return call_with([&] { command->value.group(id); }, command);
}

int spawntpl_command_user(spawntpl_command* command, uid_t id) {
    return call_with([&] { command->value.user(id); }, command);
}

int spawntpl_command_no_new_privileges(spawntpl_command* command) {
    return call_with([&] { command->value.no_new_privileges(); }, command);
}

int spawntpl_command_parent_death_signal(spawntpl_command* command, int signal, int of) {
    if (of != SPAWNTPL_PARENT_DEATH_PROGRAM && of != SPAWNTPL_PARENT_DEATH_THREAD)
        return -EINVAL;
    auto whose = of == SPAWNTPL_PARENT_DEATH_THREAD ? spawntpl::ParentDeath::thread
                                                    : spawntpl::ParentDeath::program;
    return call_with([&] { command->value.parent_death_signal(signal, whose); }, command);
}

int spawntpl_command_signal_defaults(spawntpl_command* command, uint64_t signals) {
    return call_with([&] { command->value.signal_defaults(signal_set(signals)); }, command);
}

int spawntpl_command_signal_mask(spawntpl_command* command, uint64_t signals) {
    return call_with([&] { command->value.signal_mask(signal_set(signals)); }, command);
}

int spawntpl_command_cgroup(spawntpl_command* command, int fd) {
    return call_with([&] { command->value.cgroup(fd); }, command);
}

int spawntpl_command_namespaces(spawntpl_command* command, int flags) {
    return call_with([&] { command->value.namespaces(flags); }, command);
}

int spawntpl_command_return_early(spawntpl_command* command) {
    return call_with([&] { command->value.return_early(); }, command);
}
