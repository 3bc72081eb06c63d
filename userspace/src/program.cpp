// SPDX-License-Identifier: MIT
#include "program.hpp"

#include "above_stdio.hpp"

#include <algorithm>
#include <climits>
#include <filesystem>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

Error resolve_error(int error, std::string_view program, std::string detail = {}) {
    return {.code = {error, std::generic_category()},
            .step = Step::resolve_program,
            .path = std::string(program),
            .detail = std::move(detail)};
}

/// 0 if the file can be executed, else the errno that execve(2) would give.
int check_executable(int dirfd, const char* path, int flags) {
    struct stat status;
    if (fstatat(dirfd, path, &status, flags) != 0)
        return errno;
    if (!S_ISREG(status.st_mode))
        return EACCES;
    return faccessat(dirfd, path, X_OK, flags | AT_EACCESS) == 0 ? 0 : errno;
}

/// Whether execvp(3) goes on to the next directory; it remembers EACCES.
bool search_goes_on(int error) {
    return error == EACCES || error == ENOENT || error == ENOTDIR || error == ESTALE ||
           error == ENODEV || error == ETIMEDOUT;
}

std::string default_search_path() {
    std::string path(confstr(_CS_PATH, nullptr, 0), '\0');
    path.resize(confstr(_CS_PATH, path.data(), path.size()) - 1);
    return path;
}

Result<std::string> search(std::string_view name, std::string_view directories) {
    bool denied = false;
    while (true) {
        std::size_t colon = directories.find(':');
        std::string_view directory = directories.substr(0, colon);
        std::string candidate(directory);
        if (!candidate.empty())
            candidate += '/';
        candidate += name;

        // An entry that is no path is passed over; one that is but for the name is an error.
        int error =
            directory.size() < PATH_MAX ? check_executable(AT_FDCWD, candidate.c_str(), 0) : ENOENT;
        if (error == 0)
            return candidate;
        if (!search_goes_on(error))
            return std::unexpected(resolve_error(error, candidate));
        denied |= error == EACCES;

        if (colon == std::string_view::npos)
            return std::unexpected(
                resolve_error(denied ? EACCES : ENOENT, name, "searched in PATH"));
        directories.remove_prefix(colon + 1);
    }
}

bool is_script(int fd) {
    // A descriptor that was opened with O_PATH cannot be read itself.
    std::string link = "/proc/self/fd/" + std::to_string(fd);
    return !script_interpreter(link).empty();
}

}  // namespace

std::string Program::exec_path() const {
    if (!path.empty())
        return path;
    return "/proc/" + std::to_string(gettid()) + "/fd/" + std::to_string(fd.get());
}

std::expected<PreparedEnvironment, std::string> prepare_environment(Environment environment) {
    auto block = EnvironmentBlock::make(environment);
    if (!block)
        return std::unexpected(std::move(block.error()));
    // The block points into what the vector of entries owns, which a move passes on.
    return PreparedEnvironment{std::move(environment), std::move(*block)};
}

Result<Program> find_program(std::string_view name, std::optional<std::string_view> search_path) {
    if (name.find('\0') != std::string_view::npos)
        return std::unexpected(resolve_error(EINVAL, name.data(), "the name contains a NUL"));
    if (name.empty())
        return std::unexpected(resolve_error(ENOENT, name));

    std::string path(name);
    if (name.find('/') == std::string_view::npos) {
        auto found = search(name, search_path ? std::string(*search_path) : default_search_path());
        if (!found)
            return std::unexpected(std::move(found.error()));
        path = std::move(*found);
    } else if (int error = check_executable(AT_FDCWD, path.c_str(), 0)) {
        return std::unexpected(resolve_error(error, name));
    }

    // Children start with other working directories, and may start much later.
    std::error_code code;
    std::string absolute = std::filesystem::absolute(path, code).string();
    if (code)
        return std::unexpected(resolve_error(code.value(), name, "no current directory"));
    return Program{.name = std::string(name), .path = std::move(absolute), .fd = {}};
}

Result<Program> adopt_program(int fd, std::string_view name) {
    std::string label(name);
    if (label.find('\0') != std::string::npos)
        return std::unexpected(resolve_error(EINVAL, label, "the name contains a NUL"));

    Fd own(fcntl(fd, F_DUPFD_CLOEXEC, first_after_stdio));
    if (!own)
        return std::unexpected(resolve_error(errno, label, "descriptor " + std::to_string(fd)));
    if (int error = check_executable(own.get(), "", AT_EMPTY_PATH))
        return std::unexpected(resolve_error(error, label));
    if (is_script(own.get()))
        return std::unexpected(
            resolve_error(ENOEXEC, label, "a script can only be started by its path"));
    return Program{.name = std::move(label), .path = {}, .fd = std::move(own)};
}

std::string script_interpreter(const std::string& path) {
    // The kernel, too, looks at no more than this.
    char head[256];
    Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file)
        return {};
    ssize_t length = pread(file.get(), head, sizeof(head), 0);
    return length > 0 ? interpreter_in({head, static_cast<std::size_t>(length)}) : std::string();
}

std::string interpreter_in(std::string_view head) {
    if (!head.starts_with("#!"))
        return {};
    std::string_view line = head.substr(2, head.find('\n') - 2);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    // The kernel takes it for a string that ends with a NUL.
    return std::string(line.substr(0, line.find_first_of(std::string_view(" \t\0", 3))));
}

}  // namespace spawntpl::detail
