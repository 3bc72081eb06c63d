// SPDX-License-Identifier: MIT
#include "map_progress.hpp"

#include <algorithm>
#include <cstdio>
#include <string>

#include <sys/ioctl.h>
#include <unistd.h>

namespace spawntpl::tools {

namespace {

constexpr auto interval = std::chrono::milliseconds(100);
constexpr int bar_width = 30;

std::string formatted(const char* format, auto... values) {
    char text[128];
    snprintf(text, sizeof(text), format, values...);
    return text;
}

/// As 1:02:03 or 2:03.
std::string clock_time(double seconds) {
    auto time = static_cast<unsigned long>(std::min(seconds, 1e9));
    if (time >= 3600)
        return formatted("%lu:%02lu:%02lu", time / 3600, time / 60 % 60, time % 60);
    return formatted("%lu:%02lu", time / 60, time % 60);
}

std::string bar(double part) {
    auto filled = static_cast<std::size_t>(part * bar_width);
    return "[" + std::string(filled, '#') + std::string(bar_width - filled, '.') + "] ";
}

std::string line(const Progress::Counts& counts, double seconds) {
    double rate = seconds > 0 ? static_cast<double>(counts.done) / seconds : 0;
    std::string text;
    if (counts.total && *counts.total > 0)
        text += bar(static_cast<double>(counts.done) / static_cast<double>(*counts.total));
    text += std::to_string(counts.done);
    if (counts.total)
        text += "/" + std::to_string(*counts.total);
    text += formatted("  %.*f/s", rate < 10 ? 1 : 0, rate);
    if (counts.total && rate > 0)
        text += "  ETA " + clock_time(static_cast<double>(*counts.total - counts.done) / rate);
    text += "  running " + std::to_string(counts.running);
    if (counts.failed > 0)
        text += "  failed " + std::to_string(counts.failed);
    return text;
}

std::size_t columns() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

void Progress::show(const Counts& counts) {
    Clock::time_point now = Clock::now();
    if (!shown_ || now < next_)
        return;
    next_ = now + interval;
    std::string text = line(counts, std::chrono::duration<double>(now - started_).count());
    // A longer one would leave lines behind.
    text.resize(std::min(text.size(), columns() - 1));
    stream_.write("\r\x1b[K" + text);
    drawn_ = true;
}

void Progress::clear() {
    if (!drawn_)
        return;
    stream_.write("\r\x1b[K");
    drawn_ = false;
}

}  // namespace spawntpl::tools
