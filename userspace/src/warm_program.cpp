// SPDX-License-Identifier: MIT
#include "warm_program.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

/// The parts of an ELF file that say how it is started.
class ElfFile {
public:
    explicit ElfFile(const std::string& path)
        : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}

    explicit operator bool() const { return static_cast<bool>(fd_); }

    bool is_script() {
        char head[2];
        return read_at(0, head, sizeof(head)) && head[0] == '#' && head[1] == '!';
    }

    /// Whether it is one for this processor.
    bool read_header() {
        return read_at(0, &header_, sizeof(header_)) &&
               std::memcmp(header_.e_ident, ELFMAG, SELFMAG) == 0 &&
               header_.e_ident[EI_CLASS] == ELFCLASS64 && header_.e_machine == EM_X86_64 &&
               header_.e_phentsize == sizeof(Elf64_Phdr) && read_segments();
    }

    /// Empty for a static program.
    std::string interpreter() const { return text_of(find(PT_INTERP)); }

    /// Whether the names that it has in common with libraries have this one.
    bool has_dynamic_name(std::string_view name) const {
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

private:
    static constexpr std::size_t max_segments = 256;
    static constexpr Elf64_Xword max_dynamic = 64 * 1024;
    static constexpr Elf64_Xword max_names = 64 * 1024 * 1024;
    static constexpr Elf64_Xword max_interpreter = 4096;

    bool read_at(Elf64_Off offset, void* to, std::size_t size) const {
        return pread(fd_.get(), to, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
    }

    bool read_segments() {
        if (header_.e_phnum == 0 || header_.e_phnum > max_segments)
            return false;
        segments_.resize(header_.e_phnum);
        return read_at(header_.e_phoff, segments_.data(), segments_.size() * sizeof(Elf64_Phdr));
    }

    const Elf64_Phdr* find(Elf64_Word type) const {
        auto found = std::ranges::find(segments_, type, &Elf64_Phdr::p_type);
        return found == segments_.end() ? nullptr : &*found;
    }

    std::string text_of(const Elf64_Phdr* segment) const {
        if (!segment || segment->p_filesz > max_interpreter)
            return {};
        std::string text(segment->p_filesz, '\0');
        if (!read_at(segment->p_offset, text.data(), text.size()))
            return {};
        return text.c_str();
    }

    Elf64_Off file_offset(Elf64_Addr address) const {
        for (const Elf64_Phdr& segment : segments_)
            if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
                address - segment.p_vaddr < segment.p_filesz)
                return address - segment.p_vaddr + segment.p_offset;
        return 0;
    }

    Fd fd_;
    Elf64_Ehdr header_{};
    std::vector<Elf64_Phdr> segments_;
};

bool is_readable(const std::string& path) {
    return access(path.c_str(), R_OK) == 0;
}

/// The directory of the file that this code is in: the library, or a program that contains it.
std::string own_directory() {
    Dl_info info{};
    std::string file;
    if (dladdr(reinterpret_cast<const void*>(&own_directory), &info) && info.dli_fname)
        file = info.dli_fname;
    if (file.find('/') == std::string::npos) {
        char self[4096];
        ssize_t length = readlink("/proc/self/exe", self, sizeof(self));
        file.assign(self, length > 0 ? static_cast<std::size_t>(length) : 0);
    }
    return file.substr(0, file.rfind('/') + 1);
}

std::string find_warm_object() {
    std::string own = own_directory();
    for (const std::string& candidate :
         {own + "spawntpl/warm.so", own + "../lib/spawntpl/warm.so",
          own + "../../lib/spawntpl/warm.so", std::string(SPAWNTPL_WARM_OBJECT)}) {
        char resolved[PATH_MAX];
        if (is_readable(candidate) && realpath(candidate.c_str(), resolved))
            return resolved;
    }
    return {};
}

}  // namespace

std::string why_never_warm(const Program& program) {
    if (program.path.empty())
        return "the program is given by a descriptor";
    struct stat status;
    if (stat(program.path.c_str(), &status) != 0)
        return "the program's file is gone";
    if (status.st_mode & (S_ISUID | S_ISGID))
        return "the program gains rights at its start: it is set-user-ID or set-group-ID";
    if (getxattr(program.path.c_str(), "security.capability", nullptr, 0) > 0)
        return "the program gains rights at its start: its file has capabilities";
    ElfFile file(program.path);
    if (!file)
        return "the program's file cannot be read";
    if (file.is_script())
        return "the program is a script";
    if (!file.read_header())
        return "the program is no ELF file for this processor";
    std::string interpreter = file.interpreter();
    if (interpreter.empty())
        return "the program is static";
    if (!interpreter.ends_with("/ld-linux-x86-64.so.2"))
        return "the program's dynamic linker is not that of the GNU C library";
    if (!file.has_dynamic_name("__libc_start_main"))
        return "the program does not start as one in C does";
    return {};
}

bool uses_locales(const Program& program) {
    ElfFile file(program.path);
    return file && file.read_header() && file.has_dynamic_name("setlocale");
}

const std::string& warm_object() {
    static const std::string path = find_warm_object();
    return path;
}

}  // namespace spawntpl::detail
