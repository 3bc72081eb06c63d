// SPDX-License-Identifier: MIT
#include "environment.hpp"

#include <fstream>
#include <string>

#include <gnu/libc-version.h>
#include <sched.h>
#include <sys/utsname.h>

namespace spawntpl::bench {

namespace {

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

/// The value of the first line "KEY : VALUE" of /proc/cpuinfo.
std::string cpu_info(std::string_view key) {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(key))
            if (auto colon = line.find(": "); colon != line.npos)
                return line.substr(colon + 2);
    return {};
}

int usable_cpus() {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
}

std::string acceleration(Unit unit) {
    if (unit == Unit::instructions)
        return "virtual machine, emulated, counting instructions";
    bool is_guest = (" " + cpu_info("flags") + " ").contains(" hypervisor ");
    return is_guest ? "virtual machine" : "none";
}

}  // namespace

nlohmann::ordered_json environment(Unit unit, const Calibration& calibration) {
    utsname system;
    uname(&system);
    return {{"spawntpl", SPAWNTPL_VERSION},
            {"kernel", std::string(system.release) + " " + system.version},
            {"machine", system.machine},
            {"cpu", cpu_info("model name")},
            {"cpus", usable_cpus()},
            {"accel", acceleration(unit)},
            {"libc", std::string("glibc ") + gnu_get_libc_version()},
            {"clock", "CLOCK_MONOTONIC"},
            {"clocksource", first_line("/sys/devices/system/clocksource/clocksource0/"
                                       "current_clocksource")},
            {"calibration",
             {{"instructions", calibration.instructions}, {"ticks", calibration.ticks}}}};
}

}  // namespace spawntpl::bench
