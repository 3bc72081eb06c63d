// SPDX-License-Identifier: MIT
#include "entry_point.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <elf.h>

namespace spawnlat {

std::expected<std::uint64_t, std::string> entry_offset(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return std::unexpected("cannot read " + path + ": " + std::strerror(errno));
    Elf64_Ehdr header{};
    file.read(reinterpret_cast<char*>(&header), sizeof(header));
    if (!file || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64)
        return std::unexpected(path + " is not a 64-bit ELF program");
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment{};
        file.seekg(static_cast<std::streamoff>(header.e_phoff + i * sizeof(segment)));
        file.read(reinterpret_cast<char*>(&segment), sizeof(segment));
        if (!file)
            break;
        if (segment.p_type == PT_LOAD && header.e_entry >= segment.p_vaddr &&
            header.e_entry - segment.p_vaddr < segment.p_filesz)
            return header.e_entry - segment.p_vaddr + segment.p_offset;
    }
    return std::unexpected(path + " has no entry point");
}

}  // namespace spawnlat
