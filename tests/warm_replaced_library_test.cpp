// SPDX-License-Identifier: MIT
//
// Warm starts of a program whose library is replaced meanwhile.
#include "warm_attack_support.hpp"

#include <atomic>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

/// The payload `version` with a library that is replaced again and again.
class WarmReplacedLibrary : public WarmAttack {
protected:
    WarmReplacedLibrary() {
        copy_program(payload("version"), directory_ / "version");
        replace_by_rename(0);
    }

    std::string library() const { return directory_ / "libversion.so"; }

    std::string library_content(int version) const {
        std::string content = original_;
        std::string digits = std::to_string(10'000 + version).substr(1);
        for (std::size_t at = 0; (at = content.find(marker, at)) != std::string::npos; ++at)
            content.replace(at + marker.size() - digits.size(), digits.size(), digits);
        return content;
    }

    void replace_by_rename(int version) const {
        write_file(directory_ / "new", library_content(version), 0755);
        std::filesystem::rename(directory_ / "new", library());
    }

    /// As dpkg does not, but cp does.
    void overwrite(int version) const { write_file(library(), library_content(version), 0755); }

    /// Without a moment in which the file is incomplete: only the bytes that are different.
    void change_in_place(int version) const {
        std::string content = library_content(version);
        std::size_t at = original_.find(marker);
        Fd fd(open(library().c_str(), O_WRONLY | O_CLOEXEC));
        ASSERT_EQ(pwrite(fd.get(), content.data() + at, marker.size(), static_cast<off_t>(at)),
                  std::ssize(marker));
    }

    static int version_of(const Output& output) {
        EXPECT_TRUE(output.success());
        EXPECT_THAT(output.out, testing::StartsWith("version "));
        return output.out.size() > 8 ? std::stoi(output.out.substr(8)) : -1;
    }

    const std::string marker = "version 0000";
    const std::string original_ = read_file(payload("libversion.so"));
    TemporaryDirectory directory_;
};

TEST_F(WarmReplacedLibrary, is_the_one_that_runs_however_soon) {
    Template program = allowed(directory_ / "version");
    int version = 0, warm = 0;
    for (int i = 0; i < repetitions(40); ++i) {
        Output output = start(program);
        EXPECT_EQ(version_of(output), version);
        warm += output.backend == "warm";
        ++version;
        if (i % 3 == 0)
            replace_by_rename(version);
        else if (i % 3 == 1)
            overwrite(version);
        else
            change_in_place(version);
        EXPECT_EQ(version_of(start(program)), version);
    }
    EXPECT_GT(warm, 0);
}

TEST_F(WarmReplacedLibrary, in_a_storm_of_starts) {
    Template program = allowed(directory_ / "version");
    constexpr int threads = 3, each = 60, versions = 20;
    std::atomic<int> published = 0, started = 0, warm = 0;
    {
        std::vector<std::jthread> running;
        for (int i = 0; i < threads; ++i)
            running.emplace_back([&] {
                for (int n = 0; n < each; ++n) {
                    int oldest = published;
                    Output output = start(program);
                    EXPECT_GE(version_of(output), oldest);
                    warm += output.backend == "warm";
                    ++started;
                    started.notify_all();
                }
            });
        for (int version = 1; version <= versions; ++version) {
            for (int seen; (seen = started) < version * threads * each / versions - threads * 4;)
                started.wait(seen);
            if (version % 2 == 0)
                change_in_place(version);
            else
                replace_by_rename(version);
            published = version;
        }
    }
    EXPECT_EQ(version_of(start(program)), versions);
    EXPECT_GT(warm, 0);
}

TEST_F(WarmReplacedLibrary, that_is_missing_is_an_error_of_the_program) {
    Template program = allowed(directory_ / "version");
    EXPECT_EQ(version_of(start(program)), 0);
    std::filesystem::remove(library());
    for (int i = 0; i < 3; ++i) {
        Output expected = start(cold(directory_ / "version")), output = start(program);
        EXPECT_EQ(output.status, expected.status);
        EXPECT_EQ(output.err, expected.err);
    }
    replace_by_rename(5);
    EXPECT_EQ(version_of(start(program)), 5);
}

}  // namespace
}  // namespace spawntpl::tests
