// SPDX-License-Identifier: MIT
#include "probes.hpp"

#include "entry_point.hpp"
#include "spawnlat.skel.h"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

namespace spawnlat {

namespace {

constexpr const char* kernel_btf = "/sys/kernel/btf/vmlinux";

struct Closer {
    void operator()(spawnlat_bpf* skeleton) const { spawnlat_bpf__destroy(skeleton); }
    void operator()(bpf_link* link) const { bpf_link__destroy(link); }
    void operator()(btf* types) const { btf__free(types); }
    void operator()(ring_buffer* buffer) const { ring_buffer__free(buffer); }
};

template <typename T>
using Owned = std::unique_ptr<T, Closer>;

int print_all(libbpf_print_level, const char* format, va_list arguments) {
    return vfprintf(stderr, format, arguments);
}

int print_nothing(libbpf_print_level, const char*, va_list) {
    return 0;
}

std::string error_text(int error) {
    return std::generic_category().message(error);
}

std::string load_error(int error) {
    if (error == EPERM)
        return "loading BPF programs is not permitted: run it as root, or with CAP_BPF, "
               "CAP_PERFMON and CAP_SYS_RESOURCE";
    return "the kernel does not accept the BPF programs: " + error_text(error) +
           " (--verbose shows what it says)";
}

std::string_view target_of(const bpf_program* program) {
    std::string_view section = bpf_program__section_name(program);
    return section.substr(section.find('/') + 1);
}

bool is(const bpf_program* program, std::string_view kind) {
    return std::string_view(bpf_program__section_name(program)).starts_with(kind);
}

unsigned room_for_groups(const ProbeOptions& options) {
    switch (options.group_by) {
    case GROUP_NONE:
        return 1;
    case GROUP_METHOD:
    case GROUP_BACKEND:
        return METHODS;
    default:
        return options.max_groups;
    }
}

/// What programs can be attached to in this kernel.
class Kernel {
public:
    explicit Kernel(const btf* types)
        : types_(types),
          traces_functions_(can_trace_functions()),
          has_kprobes_(access("/sys/bus/event_source/devices/kprobe", F_OK) == 0) {}

    bool has_trace_point(std::string_view name) const {
        return find("btf_trace_" + std::string(name), BTF_KIND_TYPEDEF) > 0;
    }

    bool can_attach(const bpf_program* program) const {
        std::string target(target_of(program));
        if (is(program, "tp_btf/"))
            return has_trace_point(target);
        if (is(program, "kprobe/"))
            return has_kprobes_ && find(target, BTF_KIND_FUNC) > 0;
        return traces_functions_ && find(target, BTF_KIND_FUNC) > 0;
    }

private:
    int find(const std::string& name, int kind) const {
        return btf__find_by_name_kind(types_, name.c_str(), kind);
    }

    /// The function tracer may not be built in or forbidden, and one helper is there since Linux
    /// 5.15: only trying tells.
    bool can_trace_functions() const {
        const bpf_insn instructions[] = {
            {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_task_btf},
            {BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_0, 0, 0},
            {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_task_pt_regs},
            {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0},
            {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
        bpf_prog_load_opts options{};
        options.sz = sizeof(options);
        options.expected_attach_type = BPF_TRACE_FENTRY;
        options.attach_btf_id = std::max(find("schedule_tail", BTF_KIND_FUNC), 0);
        int program = bpf_prog_load(BPF_PROG_TYPE_TRACING, nullptr, "GPL", instructions,
                                    std::size(instructions), &options);
        if (program < 0)
            return false;
        int link = bpf_raw_tracepoint_open(nullptr, program);
        if (link >= 0)
            close(link);
        close(program);
        return link >= 0;
    }

    const btf* types_;
    bool traces_functions_;
    bool has_kprobes_;
};

using Programs = std::vector<bpf_program*>;

/// Something to see, and the ways to see it, the best one first.
struct Hook {
    /// The stages that are lost without it.
    std::string stages;
    std::vector<Programs> ways;
};

std::vector<Hook> list_hooks(const spawnlat_bpf& skeleton, const ProbeOptions& options,
                             const Kernel& kernel) {
    auto& p = skeleton.progs;
    Programs calls{p.fentry_kernel_clone, p.fexit_kernel_clone, p.fentry_execve,
                   p.fexit_execve,        p.fentry_execveat,    p.fexit_execveat};
    bool templates = kernel.has_trace_point(target_of(p.spawn_template_fail));
    if (templates)
        calls.insert(calls.end(), {p.fentry_spawn_template_spawn, p.fexit_spawn_template_spawn});

    // Trace points of system calls make every call of every process a little slower.
    std::vector<Hook> hooks{
        {"create, exec, exec_failed, caller", {calls, {p.sys_enter, p.sys_exit}}},
        {"wakeup", {{p.fentry_schedule_tail}, {p.sched_switch}}},
        {"exec_open",
         {{p.fentry_begin_new_exec}, {p.sched_prepare_exec}, {p.kprobe_begin_new_exec}}},
        {"exec_mm, exec_map", {{p.fentry_setup_new_exec}, {p.kprobe_setup_new_exec}}},
        {"zombie, total",
         {{p.fentry_release_task}, {p.kprobe_release_task}, {p.sys_exit, p.sched_process_free}}},
        {"copy_mm", {{p.fentry_dup_mmap, p.fexit_dup_mmap}}},
        {"copy_files", {{p.fentry_dup_fd, p.fexit_dup_fd}}},
        {"copy_sighand", {{p.fentry_copy_sighand, p.fexit_copy_sighand}}}};
    if (templates) {
        hooks.push_back(
            {"exec of templates", {{p.fentry_spawn_image_open}, {p.kprobe_spawn_image_open}}});
        hooks.push_back({"children and failures of templates",
                         {{p.spawn_template_child, p.spawn_template_fail}}});
    }
    if (options.faults)
        hooks.push_back(
            {"time of page faults",
             {{p.fentry_handle_mm_fault, p.fexit_handle_mm_fault}, {p.page_fault_user}}});
    if (!options.entries.empty())
        hooks.push_back({"mmap calls of the linker", {{p.fentry_mmap}, {p.sys_enter}}});
    // Last what takes note of a new process: it is then seen by all the others.
    hooks.push_back(
        {"processes",
         {{p.sched_process_exec, p.sched_process_exit, p.task_newtask, p.sched_process_fork}}});
    return hooks;
}

}  // namespace

struct Probes::State {
    ProbeOptions options;
    OnEvent on_event;
    Owned<spawnlat_bpf> skeleton;
    /// In the order in which they are attached.
    Programs chosen;
    std::vector<Owned<bpf_link>> links;
    Owned<ring_buffer> events;
    std::vector<std::string> missing;

    bool uses(const bpf_program* program) const {
        return std::ranges::find(chosen, program) != chosen.end();
    }

    void choose(const Kernel& kernel);
    void set_options();
    void make_known_groups();
    std::expected<void, std::string> attach();
    std::expected<void, std::string> attach_entries();
};

void Probes::State::choose(const Kernel& kernel) {
    auto possible = [&](const Programs& way) {
        return std::ranges::all_of(way, [&](auto* program) { return kernel.can_attach(program); });
    };
    for (const Hook& hook : list_hooks(*skeleton, options, kernel)) {
        auto way = std::ranges::find_if(hook.ways, possible);
        if (way == hook.ways.end())
            missing.push_back(hook.stages + " (cannot attach to " +
                              std::string(target_of(hook.ways.front().front())) + ")");
        else
            std::ranges::remove_copy_if(*way, std::back_inserter(chosen),
                                        [&](auto* program) { return uses(program); });
    }
    bpf_program* program;
    bpf_object__for_each_program(program, skeleton->obj) {
        bpf_program__set_autoload(program, uses(program));
    }
    if (!options.entries.empty())
        bpf_program__set_autoload(skeleton->progs.entry_point, true);
}

void Probes::State::set_options() {
    auto& programs = skeleton->progs;
    auto& rodata = *skeleton->rodata;
    unsigned groups = room_for_groups(options);
    rodata.group_by = options.group_by;
    rodata.max_groups = groups;
    rodata.root_pid = options.root_pid;
    rodata.cgroup_filter = options.cgroup.id;
    rodata.cgroup_level = options.cgroup.level;
    rodata.filter_name = !options.command.empty();
    std::memcpy(rodata.name_filter, options.command.data(), options.command.size());
    rodata.want_events = options.events;
    rodata.wakeup_bytes = options.buffer_kib * 1024 / 4;
    rodata.want_faults = options.faults;
    rodata.count_maps = !options.entries.empty();
    rodata.reaped_by_wait = uses(programs.sched_process_free);
    rodata.sees_reaping = rodata.reaped_by_wait || uses(programs.fentry_release_task) ||
                          uses(programs.kprobe_release_task);

    bpf_map__set_max_entries(skeleton->maps.processes, options.max_processes);
    bpf_map__set_max_entries(skeleton->maps.calls, options.max_processes);
    bpf_map__set_max_entries(skeleton->maps.counts, groups);
    bpf_map__set_max_entries(skeleton->maps.groups, groups);
    bpf_map__set_max_entries(skeleton->maps.histograms, groups * STAGES);
    if (options.events)
        bpf_map__set_max_entries(skeleton->maps.events, options.buffer_kib * 1024);
}

/// Methods and backends are known; of others the programs make a group when they see it.
void Probes::State::make_known_groups() {
    if (options.group_by != GROUP_NONE && options.group_by != GROUP_METHOD &&
        options.group_by != GROUP_BACKEND)
        return;
    for (std::uint32_t index = 0; index < room_for_groups(options); ++index) {
        spawnlat_group_key key{};
        key.id = index;
        spawnlat_counts counts{};
        counts.index = index;
        bpf_map_update_elem(bpf_map__fd(skeleton->maps.groups), &index, &key, BPF_ANY);
        bpf_map_update_elem(bpf_map__fd(skeleton->maps.counts), &key, &counts, BPF_ANY);
    }
}

std::expected<void, std::string> Probes::State::attach_entries() {
    for (const std::string& program : options.entries) {
        auto offset = entry_offset(program);
        if (!offset)
            return std::unexpected(offset.error());
        bpf_link* link = bpf_program__attach_uprobe(skeleton->progs.entry_point, false, -1,
                                                    program.c_str(), *offset);
        if (!link)
            return std::unexpected("cannot attach to the entry point of " + program + ": " +
                                   error_text(errno));
        links.emplace_back(link);
    }
    return {};
}

std::expected<void, std::string> Probes::State::attach() {
    if (auto attached = attach_entries(); !attached)
        return attached;
    for (bpf_program* program : chosen) {
        bpf_link* link = bpf_program__attach(program);
        if (!link)
            return std::unexpected("cannot attach to " + std::string(target_of(program)) + ": " +
                                   error_text(errno));
        links.emplace_back(link);
    }
    return {};
}

std::expected<Probes, std::string> Probes::attach(const ProbeOptions& options, OnEvent on_event) {
    libbpf_set_print(options.verbose ? print_all : print_nothing);
    if (access(kernel_btf, R_OK) != 0)
        return std::unexpected(std::string("this kernel does not describe its types (no ") +
                               kernel_btf + "): it must be built with CONFIG_DEBUG_INFO_BTF");
    auto state = std::make_unique<State>();
    state->options = options;
    state->on_event = std::move(on_event);
    Owned<btf> types(btf__load_vmlinux_btf());
    if (!types)
        return std::unexpected(std::string("cannot read ") + kernel_btf + ": " + error_text(errno));
    state->skeleton.reset(spawnlat_bpf__open());
    if (!state->skeleton)
        return std::unexpected("cannot open the BPF programs: " + error_text(errno));
    state->choose(Kernel(types.get()));
    state->set_options();
    if (int error = spawnlat_bpf__load(state->skeleton.get()))
        return std::unexpected(load_error(-error));
    state->make_known_groups();
    if (auto attached = state->attach(); !attached)
        return std::unexpected(attached.error());
    if (options.events) {
        auto deliver = [](void* context, void* data, std::size_t) {
            static_cast<State*>(context)->on_event(*static_cast<const spawnlat_event*>(data));
            return 0;
        };
        state->events.reset(ring_buffer__new(bpf_map__fd(state->skeleton->maps.events), deliver,
                                             state.get(), nullptr));
        if (!state->events)
            return std::unexpected("cannot read events: " + error_text(errno));
    }
    return Probes(std::move(state));
}

Probes::Probes(std::unique_ptr<State> state) : state_(std::move(state)) {}
Probes::Probes(Probes&&) noexcept = default;
Probes& Probes::operator=(Probes&&) noexcept = default;
Probes::~Probes() = default;

const std::vector<std::string>& Probes::missing() const {
    return state_->missing;
}

void Probes::detach() {
    // No new processes first.
    while (!state_->links.empty())
        state_->links.pop_back();
}

int Probes::event_fd() const {
    return state_->events ? ring_buffer__epoll_fd(state_->events.get()) : -1;
}

void Probes::take_events() {
    if (state_->events)
        ring_buffer__consume(state_->events.get());
}

namespace {

GroupKey key_from(const spawnlat_group_key& key) {
    return {key.id, std::string(key.name, strnlen(key.name, sizeof(key.name)))};
}

template <typename Key, typename Function>
void for_each(const bpf_map* map, Function function) {
    int fd = bpf_map__fd(map);
    Key key{}, next{};
    for (Key* previous = nullptr; bpf_map_get_next_key(fd, previous, &next) == 0; previous = &key) {
        key = next;
        function(fd, key);
    }
}

std::uint64_t misses(bpf_object* object) {
    std::uint64_t result = 0;
    bpf_program* program;
    bpf_object__for_each_program(program, object) {
        bpf_prog_info info{};
        std::uint32_t size = sizeof(info);
        int fd = bpf_program__fd(program);
        if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0)
            result += info.recursion_misses;
    }
    return result;
}

}  // namespace

Snapshot Probes::read() const {
    const auto& maps = state_->skeleton->maps;
    Snapshot result;
    for_each<spawnlat_group_key>(maps.counts, [&](int fd, const spawnlat_group_key& key) {
        spawnlat_counts counts;
        if (bpf_map_lookup_elem(fd, &key, &counts) == 0)
            result.groups[key_from(key)].counts = counts;
    });
    std::vector<spawnlat_histogram> cpus(libbpf_num_possible_cpus());
    int histograms = bpf_map__fd(maps.histograms);
    for (auto& [key, group] : result.groups)
        for (std::uint32_t stage = 0; stage < STAGES; ++stage) {
            auto index = static_cast<std::uint32_t>(group.counts.index * STAGES + stage);
            if (bpf_map_lookup_elem(histograms, &index, cpus.data()) != 0)
                continue;
            for (const spawnlat_histogram& cpu : cpus)
                group.stages[stage].merge(cpu);
        }
    std::erase_if(result.groups, [](const auto& entry) { return entry.second.empty(); });
    const ProbeOptions& options = state_->options;
    for_each<std::uint32_t>(maps.processes, [&](int fd, std::uint32_t pid) {
        spawnlat_process process;
        if (bpf_map_lookup_elem(fd, &pid, &process) != 0 || process.exited)
            return;
        if ((options.command.empty() || options.command == process.name) &&
            (!options.cgroup.id || process.in_cgroup))
            ++result.running;
    });
    std::ranges::copy(state_->skeleton->bss->lost, result.lost.begin());
    result.missed = misses(state_->skeleton->obj);
    return result;
}

}  // namespace spawnlat
