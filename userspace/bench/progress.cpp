// SPDX-License-Identifier: MIT
#include "progress.hpp"

#include <algorithm>

#include <sys/ioctl.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

constexpr std::uint64_t bar_width = 30;
constexpr auto interval = std::chrono::milliseconds(100);

std::size_t columns() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string minutes(std::chrono::seconds time) {
    std::string seconds = std::to_string(time.count() % 60);
    return std::to_string(time.count() / 60) + (seconds.size() == 1 ? ":0" : ":") + seconds;
}

}  // namespace

void Progress::start(std::uint64_t groups, std::uint64_t rounds) {
    groups_ = groups;
    rounds_ = rounds;
    began_ = Clock::now();
}

void Progress::group(std::string name, std::uint64_t rounds) {
    // One that could not be measured has done none of its rounds.
    rounds_done_ = group_end_;
    group_end_ += rounds;
    ++groups_begun_;
    name_ = std::move(name);
    if (terminal_)
        draw();
    else
        out_ << "bench " << groups_begun_ << "/" << groups_ << ": " << name_ << std::endl;
}

void Progress::round() {
    ++rounds_done_;
    if (terminal_ && Clock::now() - drawn_ >= interval)
        draw();
}

void Progress::end() {
    if (terminal_)
        out_ << "\r\x1b[K" << std::flush;
}

void Progress::draw() {
    drawn_ = Clock::now();
    std::uint64_t filled = bar_width * rounds_done_ / std::max<std::uint64_t>(rounds_, 1);
    std::string text = "[" + std::string(filled, '#') + std::string(bar_width - filled, '.') +
                       "] " + std::to_string(groups_begun_) + "/" + std::to_string(groups_) + "  " +
                       minutes(std::chrono::duration_cast<std::chrono::seconds>(drawn_ - began_)) +
                       "  " + name_;
    // A longer one would leave lines behind.
    text.resize(std::min(text.size(), columns() - 1));
    out_ << "\r\x1b[K" << text << std::flush;
}

}  // namespace spawntpl::bench
