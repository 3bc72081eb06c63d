// SPDX-License-Identifier: MIT
//
// Errors as people read them.
#include "warm_support.hpp"

#include <set>

namespace spawntpl::tests {
namespace {

Error make_error(int code, Step step) {
    return {.code = {code, std::generic_category()}, .step = step};
}

TEST(ErrorMessage, names_the_path) {
    Error error = make_error(ENOENT, Step::enter_directory);
    error.path = "/x";
    EXPECT_EQ(error.message(), "cannot enter working directory '/x': No such file or directory");
}

TEST(ErrorMessage, names_descriptors) {
    Error error = make_error(EBADF, Step::redirect);
    error.target = 5;
    EXPECT_EQ(error.message(), "cannot redirect descriptor 5: Bad file descriptor");
    error.source = 7;
    EXPECT_EQ(error.message(), "cannot redirect descriptor 5 to descriptor 7: Bad file descriptor");
}

TEST(ErrorMessage, ends_with_the_detail) {
    Error error = make_error(ENOENT, Step::execute);
    error.path = "/script";
    error.detail = "its interpreter is '/none'";
    EXPECT_EQ(error.message(),
              "cannot execute '/script': No such file or directory "
              "(its interpreter is '/none')");
}

TEST(ErrorMessage, is_another_for_each_step) {
    std::set<std::string> messages;
    std::set<std::string_view> names;
    int count = 0;
    for (Step step = Step::choose_backend; step <= Step::supervise;
         step = static_cast<Step>(static_cast<int>(step) + 1), ++count) {
        messages.insert(make_error(EIO, step).message());
        names.insert(to_string(step));
    }
    EXPECT_EQ(messages.size(), static_cast<std::size_t>(count));
    EXPECT_EQ(names.size(), static_cast<std::size_t>(count));
    EXPECT_FALSE(names.contains("unknown"));
}

class Inference : public BackendTest {};
FOR_EACH_WAY(Inference);

TEST_P(Inference, is_marked) {
    TemporaryDirectory directory;
    write_file(directory / "data", "no program", 0755);
    Error error = failure(must_open(directory / "data"));
    // It is not one that could be warm.
    std::string served = backend() == "warm" ? warm_by_process().backend : backend();
    EXPECT_EQ(error.inferred, !served.starts_with("kernel"));
    // The library finds this itself, before there is a child.
    EXPECT_FALSE(failure(must_open(payload("exit0")), Command().cwd("/nonexistent")).inferred);
}

}  // namespace
}  // namespace spawntpl::tests
