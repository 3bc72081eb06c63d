// SPDX-License-Identifier: MIT
#include "environment.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <string>
#include <system_error>

#include <gnu/libc-version.h>
#include <sched.h>
#include <sys/utsname.h>

namespace spawntpl::bench {

namespace {

using json = nlohmann::ordered_json;

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

bool is_guest() {
    return (" " + cpu_info("flags") + " ").contains(" hypervisor ");
}

std::string acceleration(Unit unit) {
    if (unit == Unit::instructions)
        return "virtual machine, emulated, counting instructions";
    return is_guest() ? "virtual machine" : "none";
}

json or_null(const std::string& text) {
    return text.empty() ? json() : json(text);
}

/// Of the day, in UTC.
std::string date() {
    auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
    std::chrono::year_month_day day(today);
    std::ostringstream text;
    text << std::setfill('0') << static_cast<int>(day.year()) << '-' << std::setw(2)
         << static_cast<unsigned>(day.month()) << '-' << std::setw(2)
         << static_cast<unsigned>(day.day());
    return text.str();
}

/// What the kernel says of each weakness of the CPU that it works around, which costs time.
json mitigations() {
    json list = json::object();
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator("/sys/devices/system/cpu/vulnerabilities", error))
        if (std::string text = first_line(entry.path()); text.starts_with("Mitigation"))
            list[entry.path().filename().string()] = text;
    return list;
}

/// What only the caller can know: of the sources the commit, and a hash of the kernel series.
json told(const char* variable) {
    const char* value = std::getenv(variable);
    return or_null(value ? value : "");
}

}  // namespace

std::expected<int, std::string> pin_to_one_cpu() {
    cpu_set_t usable;
    if (sched_getaffinity(0, sizeof(usable), &usable) == 0)
        for (int cpu = CPU_SETSIZE - 1; cpu >= 0; --cpu) {
            if (!CPU_ISSET(static_cast<std::size_t>(cpu), &usable))
                continue;
            // The last one: interrupts prefer the first.
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(static_cast<std::size_t>(cpu), &one);
            if (sched_setaffinity(0, sizeof(one), &one) == 0)
                return cpu;
        }
    return std::unexpected("cannot keep this process on one CPU: " +
                           std::generic_category().message(errno));
}

json environment(Unit unit, const Calibration& calibration, std::optional<int> pinned_to) {
    utsname system;
    uname(&system);
    return {
        {"date", date()},
        {"spawntpl", SPAWNTPL_VERSION},
        {"commit", told("SPAWNTPL_COMMIT")},
        {"series", told("SPAWNTPL_SERIES")},
        {"kernel", std::string(system.release) + " " + system.version},
        {"machine", system.machine},
        {"cpu", cpu_info("model name")},
        {"cpus", usable_cpus()},
        {"pinned_to", pinned_to ? json(*pinned_to) : json()},
        {"hypervisor", is_guest()},
        {"accel", acceleration(unit)},
        {"governor", or_null(first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"))},
        {"huge_pages", or_null(first_line("/sys/kernel/mm/transparent_hugepage/enabled"))},
        {"load", first_line("/proc/loadavg")},
        {"mitigations", mitigations()},
        {"libc", std::string("glibc ") + gnu_get_libc_version()},
        {"compiler", "g++ " __VERSION__},
        {"clock", "CLOCK_MONOTONIC"},
        {"clocksource", first_line("/sys/devices/system/clocksource/clocksource0/"
                                   "current_clocksource")},
        {"calibration",
         {{"instructions", calibration.instructions}, {"ticks", calibration.ticks}}}};
}

}  // namespace spawntpl::bench
