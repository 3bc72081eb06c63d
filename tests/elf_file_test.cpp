// SPDX-License-Identifier: MIT
//
// What a program's file tells before it is captured: what cannot be read is not taken for harmless.
#include "elf_file.hpp"

#include "library_search.hpp"
#include "support.hpp"
#include "warm_program.hpp"

#include <cstring>
#include <functional>

#include <signal.h>
#include <sys/stat.h>

namespace spawntpl::tests {
namespace {

using detail::ElfFile;
using testing::HasSubstr;

class ElfFileTest : public CleanTest {
protected:
    /// The first bytes of a program, with a change.
    std::string spoilt(std::size_t length, const std::function<void(std::string&)>& change = {}) {
        std::string content = read_file("/bin/true").substr(0, length);
        if (change)
            change(content);
        write_file(directory_ / "program", content, 0755);
        return directory_ / "program";
    }

    static Elf64_Ehdr header(const std::string& content) {
        Elf64_Ehdr header;
        std::memcpy(&header, content.data(), sizeof(header));
        return header;
    }

    /// Where the segment with the name of the dynamic linker is described.
    static std::size_t interpreter_entry(const std::string& content) {
        Elf64_Ehdr head = header(content);
        for (std::size_t i = 0;; ++i) {
            std::size_t at = head.e_phoff + i * sizeof(Elf64_Phdr);
            Elf64_Phdr segment;
            std::memcpy(&segment, content.data() + at, sizeof(segment));
            if (segment.p_type == PT_INTERP)
                return at;
        }
    }

    static void set_interpreter(std::string& content, Elf64_Off offset, Elf64_Xword size) {
        std::size_t at = interpreter_entry(content);
        std::memcpy(content.data() + at + offsetof(Elf64_Phdr, p_offset), &offset, sizeof(offset));
        std::memcpy(content.data() + at + offsetof(Elf64_Phdr, p_filesz), &size, sizeof(size));
    }

    static std::string why(const std::string& path) {
        return detail::why_never_from_image(*detail::find_program(path, {}));
    }

    TemporaryDirectory directory_;
};

TEST_F(ElfFileTest, whole_programs) {
    EXPECT_EQ(why("/bin/true"), "");
    EXPECT_EQ(why(payload("exit0")), "");
}

TEST_F(ElfFileTest, header_and_segments_that_are_cut_off) {
    for (std::size_t length : {std::size_t{0}, std::size_t{20}, sizeof(Elf64_Ehdr) - 1,
                               sizeof(Elf64_Ehdr), sizeof(Elf64_Ehdr) + 100})
        EXPECT_EQ(why(spoilt(length)), "the program is no ELF file for this processor") << length;
    EXPECT_EQ(why(spoilt(SIZE_MAX, [](std::string& content) { content[EI_CLASS] = ELFCLASS32; })),
              "the program is no ELF file for this processor");
}

TEST_F(ElfFileTest, name_of_the_dynamic_linker_that_cannot_be_read) {
    using Change = std::function<void(std::string&)>;
    const Change changes[] = {
        [](std::string& content) { set_interpreter(content, content.size(), 10); },
        [](std::string& content) { set_interpreter(content, content.size() - 5, 10); },
        [](std::string& content) { set_interpreter(content, 0, 100'000); },
        [](std::string& content) { set_interpreter(content, 0, 0); },
        [](std::string& content) { set_interpreter(content, 0, 4); },  // without an end
    };
    for (const Change& change : changes) {
        std::string path = spoilt(SIZE_MAX, change);
        EXPECT_EQ(why(path), "the name of the program's dynamic linker cannot be read");
        EXPECT_NE(detail::why_never_warm(*detail::find_program(path, {})), "");
    }
}

TEST_F(ElfFileTest, other_reasons_against_an_image) {
    EXPECT_EQ(why(spoilt(SIZE_MAX,
                         [](std::string& content) {
                             content.replace(content.find("/ld-linux-x86-64.so.2"), 21,
                                             "/ld-musl-x86_64.so.1\0");
                         })),
              "the program's dynamic linker is not that of the GNU C library");
    write_file(directory_ / "script", "#!/bin/sh\n", 0755);
    EXPECT_EQ(why(directory_ / "script"), "the program is a script");
    std::string path = spoilt(SIZE_MAX);
    ASSERT_EQ(chmod(path.c_str(), 04755), 0);
    EXPECT_THAT(why(path), HasSubstr("gains rights at its start"));

    detail::Program ready = *detail::find_program("/bin/true", {});
    ready.ready_args.emplace();
    EXPECT_THAT(detail::why_never_from_image(ready), HasSubstr("spawntpl_ready()"));
    Fd fd(open("/bin/true", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(detail::why_never_from_image(*detail::adopt_program(fd.get(), "true")),
              "the program is given by a descriptor");
}

class AskedLinker : public CleanTest {};

TEST_F(AskedLinker, has_told_all_though_others_have_seen_its_end) {
    Template program = value_or_throw(Template::open("/bin/true"));
    auto search = detail::LibrarySearch::ask(program, "true", {});
    ASSERT_TRUE(search) << search.error();
    EXPECT_EQ(search->why_not_repeated(), "");
    EXPECT_TRUE(search->loads("/lib64/ld-linux-x86-64.so.2"));

    signal(SIGCHLD, SIG_IGN);
    search = detail::LibrarySearch::ask(program, "true", {});
    signal(SIGCHLD, SIG_DFL);
    ASSERT_TRUE(search) << search.error();
    EXPECT_TRUE(search->loads("/lib64/ld-linux-x86-64.so.2"));
}

}  // namespace
}  // namespace spawntpl::tests
