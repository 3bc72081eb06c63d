// SPDX-License-Identifier: MIT
//
// When a program is captured anew, and how often that is tried.
#include "captures.hpp"

#include "support.hpp"

#include <set>
#include <thread>

namespace spawntpl::detail {
namespace {

/// Stands for a process or an image.
struct Captured {
    std::uint64_t used = 0;

    std::uint64_t starts() const { return used; }

    std::chrono::steady_clock::time_point born() const { return std::chrono::steady_clock::now(); }
};

class CapturesTest : public testing::Test {
protected:
    using Kept = Captures<Captured>;

    /// One start; @p unfit says whether what there is must not be used for it.
    auto start(bool unfit = false) {
        kept_.earn();
        return kept_.fit(
            launch_, [&](const Captured&) { return std::string(unfit ? "it differs" : ""); },
            [&]() -> Kept::Result {
                ++captures_;
                if (failure_)
                    return std::unexpected(*failure_);
                return std::make_shared<Captured>();
            });
    }

    int captures_in(int starts, bool unfit = false) {
        int before = captures_;
        for (int i = 0; i < starts; ++i)
            static_cast<void>(start(unfit));
        return captures_ - before;
    }

    Program program_ = *find_program("/bin/true", {});
    Command command_;
    Launch launch_ = *Launch::prepare(program_, command_);
    Kept kept_;
    std::optional<Kept::Failure> failure_;
    int captures_ = 0;
};

TEST_F(CapturesTest, one_serves_all_that_it_is_fit_for) {
    EXPECT_EQ(captures_in(10'000), 1);
}

TEST_F(CapturesTest, callers_who_differ_cost_one_capture_in_eight_starts) {
    int captures = captures_in(8'000, true);
    EXPECT_GE(captures, 1'000);
    EXPECT_LE(captures, 1'010);
    EXPECT_EQ(start(true).error().why, "it differs");
}

TEST_F(CapturesTest, failure_that_costs_the_same_is_tried_again_as_often) {
    failure_ = {"not now"};
    EXPECT_LE(captures_in(8'000), 1'010);
    EXPECT_GE(captures_in(8'000), 1'000);
    EXPECT_EQ(start().error().why, "not now");
}

TEST_F(CapturesTest, what_fails_again_and_again_is_tried_more_and_more_seldom) {
    failure_ = {"a library makes system call 39", Kept::Price::doubled};
    EXPECT_LE(captures_in(1'000), 9);
    EXPECT_LE(captures_in(100'000), 8);
    // But not given up: the cause may have gone.
    EXPECT_GE(captures_in(200'000), 2);
    failure_.reset();
    EXPECT_EQ(captures_in(200'000), 1);
    EXPECT_TRUE(start());
}

TEST_F(CapturesTest, what_takes_long_to_fail_is_hardly_tried_again) {
    failure_ = {"not in time", Kept::Price::highest};
    EXPECT_EQ(captures_in(60'000), 1);
    EXPECT_EQ(captures_in(10'000), 1);
}

TEST_F(CapturesTest, what_is_no_good_at_each_start_is_captured_more_and_more_seldom) {
    auto drop = [&] {
        if (auto captured = start())
            kept_.drop(*captured, "the kernel started it cold", Kept::Price::doubled);
    };
    for (int i = 0; i < 1'000; ++i)
        drop();
    EXPECT_LE(captures_, 9);
    EXPECT_EQ(start().error().why, "the kernel started it cold");
    while (!start()) {
    }
    kept_.prove();
    int before = captures_;
    for (int i = 0; i < 100; ++i) {
        kept_.earn();
        drop();
    }
    EXPECT_GT(captures_, before);
}

TEST_F(CapturesTest, drop_of_one_that_was_replaced_does_nothing) {
    auto old = start();
    ASSERT_TRUE(old);
    ASSERT_TRUE(start(true));
    kept_.drop(*old, "late");
    EXPECT_EQ(captures_in(10), 0);
}

TEST_F(CapturesTest, one_that_is_worn_is_replaced_at_no_price) {
    program_.recapture.starts = 1;
    for (int i = 0; i < 1'000; ++i)
        ++(*start())->used;
    EXPECT_EQ(captures_, 1'000);
}

TEST_F(CapturesTest, exception_in_a_capture_leaves_a_reason) {
    auto fit = [&] {
        kept_.earn();
        return kept_.fit(
            launch_, [](const Captured&) { return std::string(); },
            [&]() -> Kept::Result {
                if (captures_++ == 0)
                    throw std::bad_alloc();
                return std::make_shared<Captured>();
            });
    };
    EXPECT_THROW(static_cast<void>(fit()), std::bad_alloc);
    EXPECT_TRUE(fit());
}

}  // namespace
}  // namespace spawntpl::detail
