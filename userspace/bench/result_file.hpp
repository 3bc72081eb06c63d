// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>

#include <expected>
#include <string>

namespace spawntpl::bench {

/// Where results go. A file that is there stays as it is until all of the new one has been written.
class ResultFile {
public:
    /// Makes sure that it can be written, before minutes are spent on what could not be kept.
    static std::expected<ResultFile, std::string> open(const std::string& path);

    ResultFile(ResultFile&& other) noexcept;
    ResultFile& operator=(ResultFile&&) = delete;
    ~ResultFile();

    std::expected<void, std::string> write(const nlohmann::ordered_json& root);

private:
    ResultFile(std::string path, std::string draft)
        : path_(std::move(path)), draft_(std::move(draft)) {}

    std::string path_;
    std::string draft_;  ///< beside it; empty where there is none, as of a pipe, or no longer
};

/// Reads what was written before, or says why that is not possible: all that compare() and the
/// evidence use of a result is there.
std::expected<nlohmann::ordered_json, std::string> read_result(const std::string& path);

}  // namespace spawntpl::bench
