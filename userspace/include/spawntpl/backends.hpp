// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/export.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace spawntpl {

/// One way of starting processes.
struct BackendInfo {
    std::string_view name;                   ///< as TemplateOptions::backend has it
    std::string_view description;            ///< a few words
    bool available;                          ///< whether it works here
    std::string reason;                      ///< why it is not available, else empty
    bool only_on_request;                    ///< whether only a Template takes it that asks for it
    std::vector<std::string_view> features;  ///< what it can do, some of backend_features()
};

/// All backends, in order of preference. Probed once per process; thread-safe.
SPAWNTPL_API const std::vector<BackendInfo>& backends();

/// What some backends can do and others cannot, in words. All can do everything else.
SPAWNTPL_API const std::vector<std::string_view>& backend_features();

}  // namespace spawntpl
