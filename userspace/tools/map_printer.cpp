// SPDX-License-Identifier: MIT
#include "map_printer.hpp"

#include <utility>

#include <unistd.h>

namespace spawntpl::tools {

Printer::Printer(const MapOptions& options, const WriteWait& wait)
    : options_(options),
      out_(STDOUT_FILENO, wait),
      err_(STDERR_FILENO, wait),
      progress_(err_, options.progress && isatty(STDERR_FILENO) && !options.ungroup) {}

void Printer::print(Task task, const JobResult& result) {
    if (options_.json)
        results_ += json_line(task, result);
    if (options_.keep_order)
        print_in_order(std::move(task));
    else
        write(task);
}

void Printer::print_in_order(Task task) {
    waiting_.emplace(task.number, std::move(task));
    for (; !waiting_.empty() && waiting_.begin()->first == next_; ++next_)
        write(waiting_.extract(waiting_.begin()).mapped());
}

void Printer::write(const Task& task) {
    progress_.clear();
    note(task.out.write_to(options_.json ? err_ : out_));
    note(task.err.write_to(err_));
}

void Printer::flush() {
    note(out_.write(std::exchange(results_, {})));
}

void Printer::finish() {
    while (!waiting_.empty())
        write(waiting_.extract(waiting_.begin()).mapped());
    flush();
    progress_.clear();
}

void Printer::note(int error) {
    if (error_ == 0)
        error_ = error;
}

void Printer::complain(const std::string& text) {
    progress_.clear();
    err_.write("spawntpl map: " + text + "\n");
}

}  // namespace spawntpl::tools
