// SPDX-License-Identifier: MIT
#include "library_search.hpp"

#include "above_stdio.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <sys/socket.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

/// What comes after @p mark, up to the next tab; the text has it.
std::string_view field_after(std::string_view line, std::string_view mark) {
    std::string_view rest = line.substr(line.find(mark) + mark.size());
    return rest.substr(0, rest.find('\t'));
}

/// The names of a directory that lead to no file do so together, as long as it is missing.
std::string existing_or_first_missing(const std::string& path) {
    struct stat status;
    for (std::size_t end = path.find('/', 1); end != std::string::npos;
         end = path.find('/', end + 1))
        if (std::string part = path.substr(0, end); lstat(part.c_str(), &status) != 0)
            return part;
    return path;
}

/// All that comes from a socket up to its end, in as few calls as can be; nothing if that fails.
std::optional<std::string> receive_all(int socket) {
    constexpr std::size_t at_once = 64 * 1024;
    std::string text;
    for (std::size_t length = 0;;) {
        text.resize(length + at_once);
        ssize_t more = recv(socket, text.data() + length, at_once, MSG_WAITALL);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return std::nullopt;
        length += static_cast<std::size_t>(more);
        if (more == 0) {
            text.resize(length);
            return text;
        }
    }
}

/// The environment in which the dynamic linker tells what it would do in @p environment.
std::vector<std::string> tracing(std::vector<std::string> environment) {
    std::erase_if(environment,
                  [](const std::string& entry) { return entry.starts_with("LD_DEBUG"); });
    environment.emplace_back("LD_TRACE_LOADED_OBJECTS=1");
    environment.emplace_back("LD_DEBUG=libs");
    return environment;
}

}  // namespace

LibrarySearch::LibrarySearch(std::string_view output) {
    constexpr std::string_view error = "ERROR: ", trying = "\t  trying file=",
                               path = "\t search path=", arrow = " => ", address = " (0x";
    for (; !output.empty(); output.remove_prefix(std::min(output.find('\n') + 1, output.size()))) {
        // Each line has its end.
        std::string_view line = output.substr(0, output.find('\n'));
        if (line.size() == output.size())
            break;
        if (line.starts_with(error)) {
            if (error_.empty())
                error_ = line.substr(error.size());
        } else if (line.find(trying) != line.npos) {
            std::string_view name = field_after(line, trying);
            is_relative_ |= !name.starts_with('/');
            tried_.emplace(name);
        } else if (line.find(path) != line.npos) {
            // Nothing at all where each of the directories is known to be missing.
            std::string_view rest = field_after(line, path);
            while (!rest.empty()) {
                std::string_view directory = rest.substr(0, rest.find(':'));
                is_relative_ |= !directory.starts_with('/');
                directories_.emplace(directory);
                rest.remove_prefix(std::min(directory.size() + 1, rest.size()));
            }
        } else if (std::size_t end = line.rfind(address);
                   line.starts_with('\t') && end != line.npos) {
            std::string_view name = line.substr(1, end - 1);
            if (std::size_t found = name.find(arrow); found != name.npos)
                name.remove_prefix(found + arrow.size());
            is_relative_ |= !name.starts_with('/') && name.find('/') != name.npos;
            loaded_.emplace(name);
        }
    }
}

std::expected<LibrarySearch, std::string> LibrarySearch::ask(const Template& program,
                                                             const std::string& arg0,
                                                             std::vector<std::string> environment) {
    Fd ends[2];
    if (int fds[2]; socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0) {
        ends[0] = above_stdio(fds[0]);
        ends[1] = above_stdio(fds[1]);
    }
    if (!ends[0] || !ends[1])
        return std::unexpected("no socket: " + std::generic_category().message(errno));
    Command command;
    command.arg0(arg0).env(tracing(std::move(environment))).null(STDIN_FILENO);
    command.fd(STDOUT_FILENO, ends[1].get()).fd(STDERR_FILENO, ends[1].get());
    auto child = program.spawn(command);
    if (!child)
        return std::unexpected("the dynamic linker cannot be asked: " + child.error().message());
    ends[1].reset();
    auto text = receive_all(ends[0].get());
    auto status = child->wait();
    if (status && !status->success())
        return std::unexpected("the dynamic linker does not load the program");
    if (!text)
        return std::unexpected("what the dynamic linker tells cannot be read");
    return LibrarySearch(*text);
}

std::string LibrarySearch::why_not_repeated() const {
    if (!error_.empty())
        return "the dynamic linker says: " + error_;
    if (is_relative_)
        return "the dynamic linker looks for libraries in the working directory";
    return {};
}

void LibrarySearch::add_to(WatchedFiles& files) const {
    for (const std::string& name : tried_)
        files.add(existing_or_first_missing(name));
}

void LibrarySearch::add_later(WatchedFiles& files, const std::string& object) const {
    if (tried_.contains(object))
        return;
    std::string name = object.substr(object.rfind('/'));
    for (const std::string& directory : directories_)
        files.add(existing_or_first_missing(directory + name));
}

}  // namespace spawntpl::detail
