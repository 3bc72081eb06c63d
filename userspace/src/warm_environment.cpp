// SPDX-License-Identifier: MIT
#include "warm_environment.hpp"

#include "environment_block.hpp"
#include "warm_protocol.hpp"

#include <algorithm>
#include <bitset>

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
    // Most begin with another letter.
    static const std::bitset<256> first_letters = [] {
        std::bitset<256> letters;
        for (std::string_view prefix : prefixes)
            letters.set(static_cast<unsigned char>(prefix.front()));
        return letters;
    }();
    return !entry.empty() && first_letters[static_cast<unsigned char>(entry.front())] &&
           std::ranges::any_of(prefixes,
                               [&](std::string_view prefix) { return entry.starts_with(prefix); });
}

EntriesBeforeMain::EntriesBeforeMain(char* const* envp) {
    for (; envp && *envp; ++envp)
        if (read_before_main(*envp))
            entries_.emplace_back(*envp);
}

bool EntriesBeforeMain::same(char* const* envp) const {
    auto next = entries_.begin();
    for (; envp && *envp; ++envp)
        if (read_before_main(*envp) && (next == entries_.end() || *next++ != *envp))
            return false;
    return next == entries_.end();
}

std::vector<std::string> template_environment(char* const* envp, const std::string& object,
                                              std::string_view point) {
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
    entries.push_back(std::string(warm_variable) + "=" + std::string(point));
    return entries;
}

}  // namespace spawntpl::detail
