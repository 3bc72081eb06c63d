// SPDX-License-Identifier: MIT
#include "result_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace spawntpl::bench {

namespace {

using json = nlohmann::ordered_json;

std::unexpected<std::string> failure(const std::string& what, const std::string& path) {
    return std::unexpected("cannot " + what + " '" + path +
                           "': " + std::generic_category().message(errno));
}

/// A pipe or a device, which nothing can take the place of.
bool is_special(const std::string& path) {
    std::error_code error;
    auto status = std::filesystem::status(path, error);
    return exists(status) && !is_regular_file(status) && !is_directory(status);
}

/// What a symbolic link leads to, so that the link stays.
std::string target(const std::string& path) {
    std::error_code error;
    auto resolved = std::filesystem::weakly_canonical(path, error);
    return error ? path : resolved.string();
}

/// As for any new file.
void set_usual_mode(int fd) {
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
}

template <typename Check>
bool all_have(const json& object, std::initializer_list<const char*> names, Check check) {
    return object.is_object() && std::ranges::all_of(names, [&](const char* name) {
               return object.contains(name) && check(object[name]);
           });
}

bool is_text(const json& value) {
    return value.is_string();
}

bool is_number(const json& value) {
    return value.is_number();
}

bool is_bound(const json& value) {
    return value.is_number() || value.is_null();
}

/// Whether the row says what was measured.
bool is_described(const json& row) {
    return all_have(row, {"question", "program", "method"}, is_text) && row.contains("parent") &&
           all_have(row["parent"], {"fds", "rss_mib", "env", "extra_mappings", "threads"},
                    is_number);
}

bool is_result(const json& row) {
    return is_described(row) && all_have(row, {"p50"}, is_number) && row["p50"].get<double>() > 0 &&
           all_have(row, {"p50_low", "p50_high"}, is_bound);
}

bool is_schema_1(const json& root) {
    return root.is_object() && root.contains("schema") && root["schema"] == 1 &&
           root.contains("environment") && root["environment"].is_object() &&
           root.contains("results") && root["results"].is_array() &&
           std::ranges::all_of(root["results"], is_result);
}

}  // namespace

std::expected<ResultFile, std::string> ResultFile::open(const std::string& path) {
    if (std::filesystem::is_directory(path)) {
        errno = EISDIR;
        return failure("write", path);
    }
    if (is_special(path))
        return ResultFile(path, "");
    std::string final_path = target(path);
    std::string draft = final_path + ".XXXXXX";
    int fd = mkostemp(draft.data(), O_CLOEXEC);
    if (fd < 0)
        return failure("write", path);
    set_usual_mode(fd);
    close(fd);
    return ResultFile(std::move(final_path), std::move(draft));
}

ResultFile::ResultFile(ResultFile&& other) noexcept
    : path_(std::move(other.path_)), draft_(std::exchange(other.draft_, {})) {}

ResultFile::~ResultFile() {
    if (!draft_.empty())
        unlink(draft_.c_str());
}

std::expected<void, std::string> ResultFile::write(const json& root) {
    std::ofstream file(draft_.empty() ? path_ : draft_);
    file << root.dump(2) << '\n';
    file.close();
    if (!file)
        return failure("write", path_);
    if (!draft_.empty() && rename(draft_.c_str(), path_.c_str()) != 0)
        return failure("write", path_);
    draft_.clear();
    return {};
}

std::expected<json, std::string> read_result(const std::string& path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        errno = EISDIR;
        return failure("read", path);
    }
    std::ifstream file(path);
    if (!file)
        return failure("read", path);
    json root = json::parse(file, nullptr, false);
    if (root.is_discarded() || !is_schema_1(root))
        return std::unexpected("'" + path + "' is not a result of this benchmark, schema 1");
    return root;
}

}  // namespace spawntpl::bench
