// SPDX-License-Identifier: MIT
#include "warm_environment.hpp"

#include "environment_block.hpp"
#include "warm_protocol.hpp"

#include <algorithm>
#include <cstring>
#include <span>

namespace spawntpl::detail {

namespace {

/// Of those who do not ask for names but look at each entry: the dynamic linker, OpenMP,
/// sanitizers.
constexpr std::string_view read_in_passes[] = {
    "LD_",   "GLIBC_", "MALLOC_", "OMP_",  "GOMP_",  "KMP_",
    "ASAN_", "LSAN_",  "MSAN_",   "TSAN_", "UBSAN_",
};

/// Of what libc asks itself for, where nobody else hears it.
constexpr std::string_view read_in_libc[] = {
    "LC_",  "LANG",         "LOCPATH=",     "NLSPATH=",         "TZ", "GCONV_", "GETCONF_",
    "RES_", "HOSTALIASES=", "LOCALDOMAIN=", "POSIXLY_CORRECT=",
};

/// Of the constructors of libraries that many programs have: libcrypto, GLib, the numerical
/// libraries, p11-kit, libunwind, profilers. Variables that only main() leads to are not among
/// them.
constexpr std::string_view guessed[] = {
    "TMPDIR=", "OPENSSL_",      "SSL_",      "GCRYPT_",   "GNUTLS_",   "NSS_", "P11_KIT_",
    "G_",      "GOBJECT_",      "GIO_",      "OPENBLAS_", "GOTO_",     "MKL_", "BLIS_",
    "NUMA_",   "CUDA_",         "JEMALLOC_", "TCMALLOC_", "MIMALLOC_", "HEAP", "CPUPROFILE",
    "GCOV_",   "LLVM_PROFILE_", "UNW_",      "GLIBCXX_",
};

bool begins_with_one_of(std::string_view entry, std::span<const std::string_view> prefixes) {
    return std::ranges::any_of(prefixes,
                               [&](std::string_view prefix) { return entry.starts_with(prefix); });
}

constexpr std::string_view preload = "LD_PRELOAD=";

}  // namespace

bool read_before_main(std::string_view entry) {
    return begins_with_one_of(entry, read_in_passes) || begins_with_one_of(entry, read_in_libc);
}

bool likely_before_main(std::string_view entry) {
    return begins_with_one_of(entry, guessed);
}

EntriesBeforeMain::EntriesBeforeMain(char* const* envp, std::set<std::string, std::less<>> asked)
    : asked_(std::move(asked)), guesses_(asked_.erase("") != 0) {
    auto add = [&](const auto& names) {
        for (std::string_view name : names)
            first_letters_.set(static_cast<unsigned char>(name.front()));
    };
    add(read_in_passes);
    add(read_in_libc);
    if (guesses_)
        add(guessed);
    add(asked_);
    entries_ = choose(envp);
    for (; envp && *envp; ++envp)
        whole_.append(*envp, std::strlen(*envp) + 1);
}

/// Most callers have all of it as it was: that is seen at once.
bool EntriesBeforeMain::is_whole(char* const* envp) const {
    std::string_view rest = whole_;
    for (; envp && *envp; ++envp) {
        std::string_view entry(*envp, std::strlen(*envp) + 1);
        if (!rest.starts_with(entry))
            return false;
        rest.remove_prefix(entry.size());
    }
    return rest.empty();
}

EntriesBeforeMain::Entries EntriesBeforeMain::choose(char* const* envp) const {
    Entries entries;
    for (; envp && *envp; ++envp) {
        std::string_view entry = *envp;
        if (entry.empty() || !first_letters_[static_cast<unsigned char>(entry.front())])
            continue;
        std::size_t end = std::min(entry.find('='), entry.size());
        std::string_view name = entry.substr(0, end), value = entry.substr(end);
        if (begins_with_one_of(entry, read_in_passes))
            entries.in_passes.emplace_back(entry);
        else if (begins_with_one_of(entry, read_in_libc) || asked_.contains(name) ||
                 (guesses_ && begins_with_one_of(entry, guessed)))
            // The first one counts.
            entries.by_name.try_emplace(std::string(name), value);
    }
    return entries;
}

std::vector<std::string> template_environment(char* const* envp, const std::string& object,
                                              std::string_view point) {
    std::vector<std::string> entries;
    std::string_view preloads;
    for (; envp && *envp; ++envp) {
        std::string_view entry = *envp;
        // To the dynamic linker, the last one counts.
        if (entry.starts_with(preload))
            preloads = entry.substr(preload.size());
        else if (!entry_has_name(entry, "LD_BIND_NOW") && !entry_has_name(entry, warm_variable))
            entries.emplace_back(entry);
    }
    std::string& preload_entry = entries.emplace_back(std::string(preload) + object);
    if (!preloads.empty())
        preload_entry.append(" ").append(preloads);
    // Else each child would resolve the same symbols again.
    entries.push_back("LD_BIND_NOW=1");
    entries.push_back(std::string(warm_variable) + "=" + std::string(point));
    return entries;
}

}  // namespace spawntpl::detail
