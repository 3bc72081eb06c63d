// SPDX-License-Identifier: MIT
#include "stopwatch.hpp"

#include "clock.hpp"

#include <array>
#include <utility>

namespace spawntpl::bench {

namespace {

unsigned start_mark = 0;

/// An instruction that does nothing, but that can be found. The number is part of it.
template <unsigned number>
void mark() {
#ifdef __x86_64__
    asm volatile("nopl %c0(%%rax)" ::"i"(0x53500000 + number));
#endif
}

template <std::size_t... numbers>
constexpr auto marks_of(std::index_sequence<numbers...>) {
    return std::array{&mark<numbers>...};
}

constexpr auto set_mark = marks_of(std::make_index_sequence<Stopwatch::marks>());

}  // namespace

void Stopwatch::use_marks(unsigned first) {
    start_mark = first + 1 < marks ? first : 0;
}

Stopwatch::Stopwatch() {
    set_mark[start_mark]();
    begin_ = now();
}

void Stopwatch::returned() {
    returned_ = now();
    set_mark[start_mark ? start_mark + 1 : 0]();
}

Run Stopwatch::ended(ExitStatus status) {
    std::int64_t end = now();
    set_mark[0]();
    return {returned_ - begin_, end - begin_, status};
}

}  // namespace spawntpl::bench
