// SPDX-License-Identifier: MIT
#include "warm_environment.hpp"

#include "environment_block.hpp"
#include "warm_protocol.hpp"

#include <algorithm>

namespace spawntpl::detail {

namespace {

// Of the dynamic linker and of libc; of the constructors of libraries that many programs have:
// libcrypto, GLib, OpenMP and the numerical libraries, p11-kit, libunwind, sanitizers, profilers.
// Variables that only main() leads to are not among them.
constexpr std::string_view prefixes[] = {
    "LD_",      "GLIBC_",          "MALLOC_",      "LC_",           "LANG",
    "LOCPATH=", "NLSPATH=",        "TZ",           "GCONV_",        "GETCONF_",
    "RES_",     "HOSTALIASES=",    "LOCALDOMAIN=", "TMPDIR=",       "OPENSSL_",
    "SSL_",     "GCRYPT_",         "GNUTLS_",      "NSS_",          "P11_KIT_",
    "G_",       "GOBJECT_",        "GIO_",         "OMP_",          "GOMP_",
    "KMP_",     "OPENBLAS_",       "GOTO_",        "MKL_",          "BLIS_",
    "NUMA_",    "CUDA_",           "JEMALLOC_",    "TCMALLOC_",     "MIMALLOC_",
    "HEAP",     "CPUPROFILE",      "ASAN_",        "LSAN_",         "MSAN_",
    "TSAN_",    "UBSAN_",          "GCOV_",        "LLVM_PROFILE_", "UNW_",
    "GLIBCXX_", "POSIXLY_CORRECT",
};

constexpr std::string_view preload = "LD_PRELOAD=";

}  // namespace

bool read_before_main(std::string_view entry) {
    return std::ranges::any_of(prefixes,
                               [&](std::string_view prefix) { return entry.starts_with(prefix); });
}

std::string entries_before_main(char* const* envp) {
    std::string entries;
    for (; envp && *envp; ++envp)
        if (read_before_main(*envp))
            entries.append(*envp).push_back('\0');
    return entries;
}

std::vector<std::string> template_environment(char* const* envp, const std::string& object) {
    std::vector<std::string> entries;
    std::string preloads(object);
    for (; envp && *envp; ++envp) {
        std::string_view entry = *envp;
        // The first one counts.
        if (entry.starts_with(preload)) {
            if (preloads == object)
                preloads.append(" ").append(entry.substr(preload.size()));
        } else if (!entry_has_name(entry, "LD_BIND_NOW") && !entry_has_name(entry, warm_variable)) {
            entries.emplace_back(entry);
        }
    }
    entries.push_back(std::string(preload) + preloads);
    // Else each child would resolve the same symbols again.
    entries.push_back("LD_BIND_NOW=1");
    entries.push_back(std::string(warm_variable) + "=" + std::to_string(warm_socket) + "," +
                      std::to_string(warm_page));
    return entries;
}

}  // namespace spawntpl::detail
