// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/fd.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <elf.h>

namespace spawntpl::detail {

/// The parts of an ELF file that say how it is started.
class ElfFile {
public:
    explicit ElfFile(const std::string& path);

    /// Whether it could be opened.
    explicit operator bool() const { return static_cast<bool>(fd_); }

    bool is_script() const;

    /// Whether it is one for this processor, and its segments could be read. Before what follows.
    bool read_header();

    /// The path of the dynamic linker, empty for a static program; nothing if it is named but
    /// cannot be read.
    std::optional<std::string> interpreter() const;

    /// Whether the names that it has in common with libraries have this one.
    bool has_dynamic_name(std::string_view name) const;

private:
    bool read_at(Elf64_Off offset, void* to, std::size_t size) const;
    bool read_segments();
    const Elf64_Phdr* find(Elf64_Word type) const;
    Elf64_Off file_offset(Elf64_Addr address) const;

    Fd fd_;
    Elf64_Ehdr header_{};
    std::vector<Elf64_Phdr> segments_;
};

}  // namespace spawntpl::detail
