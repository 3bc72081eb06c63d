// SPDX-License-Identifier: MIT
#include "warm_program.hpp"

#include "elf_file.hpp"

#include <cerrno>
#include <climits>

#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

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

/// What speaks against any copy of a linked program. What cannot be found out does.
std::string why_no_copy(const Program& program, ElfFile& file) {
    if (program.path.empty())
        return "the program is given by a descriptor";
    struct stat status;
    if (stat(program.path.c_str(), &status) != 0)
        return "the program's file is gone";
    if (status.st_mode & (S_ISUID | S_ISGID))
        return "the program gains rights at its start: it is set-user-ID or set-group-ID";
    if (getxattr(program.path.c_str(), "security.capability", nullptr, 0) >= 0)
        return "the program gains rights at its start: its file has capabilities";
    if (errno != ENODATA && errno != ENOTSUP)
        return "it is not known whether the program's file has capabilities";
    if (!file)
        return "the program's file cannot be read";
    if (file.is_script())
        return "the program is a script";
    if (!file.read_header())
        return "the program is no ELF file for this processor";
    auto interpreter = file.interpreter();
    if (!interpreter)
        return "the name of the program's dynamic linker cannot be read";
    if (!interpreter->empty() && !interpreter->ends_with("/ld-linux-x86-64.so.2"))
        return "the program's dynamic linker is not that of the GNU C library";
    return {};
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
    ElfFile file(program.path);
    if (std::string reason = why_no_copy(program, file); !reason.empty())
        return reason;
    if (file.interpreter()->empty())
        return "the program is static";
    if (!file.has_dynamic_name("__libc_start_main"))
        return "the program does not start as one in C does";
    return {};
}

std::string why_never_from_image(const Program& program) {
    if (program.ready_args)
        return "the kernel does not copy a program that has come to spawntpl_ready()";
    ElfFile file(program.path);
    return why_no_copy(program, file);
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
