// SPDX-License-Identifier: MIT
//
// The search of PATH follows execvp(3).
#include "program.hpp"
#include "support.hpp"

namespace spawntpl::tests {
namespace {

using detail::find_program;

class PathSearch : public CleanTest {
protected:
    PathSearch() {
        for (const char* name : {"a", "b", "c"})
            std::filesystem::create_directory(directory_ / name);
    }

    void put(const std::string& name, mode_t mode = 0755) {
        write_file(directory_ / name, "#!/bin/sh\n", mode);
    }

    std::string path(std::initializer_list<const char*> directories) const {
        std::string result;
        for (const char* name : directories)
            result += (result.empty() ? "" : ":") + (directory_ / name);
        return result;
    }

    std::string found(std::string_view name, std::optional<std::string_view> path) const {
        auto program = find_program(name, path);
        return program ? program->path : program.error().code.message();
    }

    TemporaryDirectory directory_;
};

constexpr const char* missing = "No such file or directory";
constexpr const char* denied = "Permission denied";

TEST_F(PathSearch, takes_the_first) {
    put("b/tool");
    put("c/tool");
    EXPECT_EQ(found("tool", path({"a", "b", "c"})), directory_ / "b/tool");
    EXPECT_EQ(found("tool", path({"c", "b"})), directory_ / "c/tool");
    EXPECT_EQ(found("tool", path({"a"})), missing);
}

TEST_F(PathSearch, keeps_the_name_as_given) {
    put("a/tool");
    EXPECT_EQ(find_program("tool", path({"a"}))->name, "tool");
}

TEST_F(PathSearch, passes_over_what_cannot_be_executed) {
    put("a/tool", 0644);
    std::filesystem::create_directory(directory_ / "b/tool");
    put("c/tool");
    EXPECT_EQ(found("tool", path({"a", "b", "c"})), directory_ / "c/tool");
}

TEST_F(PathSearch, remembers_that_one_was_denied) {
    put("a/tool", 0644);
    EXPECT_EQ(found("tool", path({"a", "b"})), denied);
    EXPECT_EQ(found("tool", path({"b", "a"})), denied);
}

TEST_F(PathSearch, passes_over_bad_directories) {
    put("file");
    put("c/tool");
    EXPECT_EQ(found("tool", path({"none", "file", "c"})), directory_ / "c/tool");
}

TEST_F(PathSearch, ends_at_other_errors) {
    put("c/tool");
    std::filesystem::create_symlink("loop", directory_ / "loop");
    EXPECT_EQ(found("tool", path({"loop", "c"})), "Too many levels of symbolic links");
    EXPECT_EQ(found(std::string(300, 'x'), path({"c"})), "File name too long");
}

TEST_F(PathSearch, passes_over_entries_that_are_too_long) {
    put("c/tool");
    std::string too_long(5000, '/');
    EXPECT_EQ(found("tool", too_long + ":" + path({"c"})), directory_ / "c/tool");
    EXPECT_EQ(found("tool", too_long), missing);
}

TEST_F(PathSearch, empty_entries_are_the_working_directory) {
    put("a/tool");
    auto before = std::filesystem::current_path();
    std::filesystem::current_path(directory_ / "a");
    for (const std::string& path : {std::string(), std::string(":/none"), std::string("/none:"),
                                    std::string("/none::/none"), std::string(".")})
        EXPECT_TRUE(std::filesystem::equivalent(found("tool", path), directory_ / "a/tool"))
            << path;
    std::filesystem::current_path(before);
}

TEST_F(PathSearch, relative_entries_become_absolute) {
    put("a/tool");
    auto before = std::filesystem::current_path();
    std::filesystem::current_path(directory_.path());
    EXPECT_EQ(found("tool", "a"), directory_ / "a/tool");
    std::filesystem::current_path(before);
}

TEST_F(PathSearch, names_with_a_slash_are_not_searched) {
    put("a/tool");
    EXPECT_EQ(found("a/tool", directory_.path()), missing);
    EXPECT_EQ(found(directory_ / "a/tool", ""), directory_ / "a/tool");
}

TEST_F(PathSearch, without_PATH_the_system_directories_are_searched) {
    EXPECT_EQ(found("sh", std::nullopt), "/bin/sh");
}

TEST_F(PathSearch, a_name_is_needed) {
    put("a/tool");
    EXPECT_EQ(found("", path({"a"})), missing);
    EXPECT_EQ(found(std::string_view("to\0ol", 5), path({"a"})), "Invalid argument");
}

}  // namespace
}  // namespace spawntpl::tests
