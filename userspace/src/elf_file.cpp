// SPDX-License-Identifier: MIT
#include "elf_file.hpp"

#include <algorithm>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

constexpr std::size_t max_segments = 256;
constexpr Elf64_Xword max_dynamic = 64 * 1024;
constexpr Elf64_Xword max_names = 64 * 1024 * 1024;
constexpr Elf64_Xword max_interpreter = 4096;

}  // namespace

ElfFile::ElfFile(const std::string& path)
    : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}

bool ElfFile::is_script() const {
    char head[2];
    return read_at(0, head, sizeof(head)) && head[0] == '#' && head[1] == '!';
}

bool ElfFile::read_header() {
    return read_at(0, &header_, sizeof(header_)) &&
           std::memcmp(header_.e_ident, ELFMAG, SELFMAG) == 0 &&
           header_.e_ident[EI_CLASS] == ELFCLASS64 && header_.e_machine == EM_X86_64 &&
           header_.e_phentsize == sizeof(Elf64_Phdr) && read_segments();
}

std::optional<std::string> ElfFile::interpreter() const {
    const Elf64_Phdr* segment = find(PT_INTERP);
    if (!segment)
        return std::string();
    if (segment->p_filesz > max_interpreter)
        return std::nullopt;
    std::string text(segment->p_filesz, '\0');
    // Without its end it is not what the kernel takes.
    if (!read_at(segment->p_offset, text.data(), text.size()) || text.size() < 2 ||
        text.back() != '\0' || text.front() == '\0')
        return std::nullopt;
    return std::string(text.c_str());
}

bool ElfFile::has_dynamic_name(std::string_view name) const {
    const Elf64_Phdr* segment = find(PT_DYNAMIC);
    if (!segment || segment->p_filesz > max_dynamic)
        return false;
    std::vector<Elf64_Dyn> entries(segment->p_filesz / sizeof(Elf64_Dyn));
    if (!read_at(segment->p_offset, entries.data(), entries.size() * sizeof(Elf64_Dyn)))
        return false;
    auto value = [&](Elf64_Sxword tag) {
        auto found = std::ranges::find(entries, tag, &Elf64_Dyn::d_tag);
        return found == entries.end() ? 0 : found->d_un.d_val;
    };
    std::string names(std::min<Elf64_Xword>(value(DT_STRSZ), max_names), '\0');
    std::string wanted(1, '\0');
    wanted.append(name).push_back('\0');
    return read_at(file_offset(value(DT_STRTAB)), names.data(), names.size()) &&
           names.find(wanted) != std::string::npos;
}

bool ElfFile::read_at(Elf64_Off offset, void* to, std::size_t size) const {
    return pread(fd_.get(), to, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

bool ElfFile::read_segments() {
    if (header_.e_phnum == 0 || header_.e_phnum > max_segments)
        return false;
    segments_.resize(header_.e_phnum);
    return read_at(header_.e_phoff, segments_.data(), segments_.size() * sizeof(Elf64_Phdr));
}

const Elf64_Phdr* ElfFile::find(Elf64_Word type) const {
    auto found = std::ranges::find(segments_, type, &Elf64_Phdr::p_type);
    return found == segments_.end() ? nullptr : &*found;
}

Elf64_Off ElfFile::file_offset(Elf64_Addr address) const {
    for (const Elf64_Phdr& segment : segments_)
        if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
            address - segment.p_vaddr < segment.p_filesz)
            return address - segment.p_vaddr + segment.p_offset;
    return 0;
}

}  // namespace spawntpl::detail
