// SPDX-License-Identifier: MIT
//
// Answers of template processes, of children and of brokers, of which each is spoilt in turn: the
// start is right or an error, nothing is left over, and the next one is right.
#include "intercepted_messages.hpp"
#include "warm_support.hpp"

#include <algorithm>
#include <cstdint>

namespace spawntpl::tests {
namespace {

class WarmReplies : public WarmTest, public testing::WithParamInterface<bool> {
protected:
    using Spoil = InterceptedMessages::Spoil;

    /// Of a new Template: template processes that end have to be earned.
    void start_spoilt(const Spoil& spoil) {
        TemplateOptions options = warm_by_process();
        options.broker = GetParam();
        auto echo = value_or_throw(Template::open("/bin/echo", options));
        EXPECT_EQ(start(echo, Command({"before"})).backend, "warm");
        Command command({"word"});
        command.umask(027).null(0).null(1).null(2);
        {
            InterceptedMessages messages(spoil, InterceptedMessages::Way::received);
            if (auto child = echo.spawn(command)) {
                auto status = child->wait();
                // What the broker says of it may be spoilt, too.
                if (status)
                    EXPECT_TRUE(status->success() || GetParam());
                else
                    EXPECT_EQ(status.error().code, std::errc::no_child_process);
            }
            spoilt_ += messages.count();
        }
        Output output = start(echo, Command({"word"}));
        EXPECT_TRUE(output.success());
        EXPECT_EQ(output.out, "word\n");
    }

    std::size_t spoilt_ = 0;
};
// With a broker or without.
INSTANTIATE_TEST_SUITE_P(Broker, WarmReplies, testing::Bool());

TEST_P(WarmReplies, cut) {
    std::size_t size = 24;
    for (std::size_t length = 1; length < size; ++length)
        start_spoilt([&](std::vector<std::byte>& bytes, std::vector<int>&) {
            size = bytes.size();
            bytes.resize(std::min(length, bytes.size()));
            return true;
        });
    EXPECT_GT(spoilt_, 20U);
}

TEST_P(WarmReplies, changed) {
    std::uint32_t random = 1;
    auto next = [&random](std::size_t end) {
        random = random * 1664525 + 1013904223;
        return (random >> 8) % end;
    };
    for (int i = 0; i < repetitions(25); ++i)
        start_spoilt([&](std::vector<std::byte>& bytes, std::vector<int>&) {
            // Not each one: some come after others.
            if (next(3) == 0)
                return false;
            bytes[next(bytes.size())] = static_cast<std::byte>(next(256));
            return true;
        });
    EXPECT_GT(spoilt_, 15U);
}

TEST_P(WarmReplies, each_field_has_each_value_that_is_near) {
    for (std::size_t at = 0; at < 20; at += sizeof(std::int32_t))
        for (std::int32_t value : {-1, 0, 3, 1'000'000})
            start_spoilt([&](std::vector<std::byte>& bytes, std::vector<int>&) {
                if (bytes.size() < at + sizeof(value))
                    return false;
                const auto* first = reinterpret_cast<const std::byte*>(&value);
                std::copy(first, first + sizeof(value),
                          bytes.begin() + static_cast<std::ptrdiff_t>(at));
                return true;
            });
    EXPECT_GT(spoilt_, 15U);
}

TEST_P(WarmReplies, without_a_descriptor) {
    for (std::size_t count : {0, 1})
        for (int i = 0; i < 4; ++i)
            start_spoilt([&](std::vector<std::byte>&, std::vector<int>& fds) {
                if (fds.size() < 2)
                    return false;
                fds.resize(count);
                return true;
            });
    EXPECT_GT(spoilt_, 2U);
}

}  // namespace
}  // namespace spawntpl::tests
