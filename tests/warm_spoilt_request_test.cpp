// SPDX-License-Identifier: MIT
//
// Requests of warm starts that arrive other than they were sent.
#include "intercepted_messages.hpp"
#include "warm_attack_support.hpp"

#include <sys/resource.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

/// Each request of a start is spoilt in turn. What comes of it must not be another program: it may
/// be refused, or what the spoilt request asks for.
class WarmSpoiltRequest : public WarmAttack {
protected:
    using Spoil = InterceptedMessages::Spoil;

    void start_spoilt(const Spoil& spoil) {
        Command command({"word"});
        command.env({"A=1", "B=2"}).umask(027).limit(RLIMIT_CORE, 0, 0).cwd("/");
        command.null(STDIN_FILENO).null(STDOUT_FILENO).null(STDERR_FILENO);
        {
            InterceptedMessages messages(spoil);
            auto child = echo_.spawn(command);
            spoilt_ += messages.count();
            // A mask or a limit may be anything now.
            if (child && child->backend() == "warm")
                static_cast<void>(child->kill());
            if (child) {
                EXPECT_TRUE(child->wait());
            }
        }
        start_echo(echo_, "word");
    }

    /// The longest messages are requests.
    static constexpr std::size_t shortest_request = 100;

    Template echo_ = allowed("/bin/echo");
    std::size_t spoilt_ = 0;
};

TEST_F(WarmSpoiltRequest, cut) {
    std::size_t size = shortest_request;
    for (std::size_t length = 1; length < size; length += 5)
        start_spoilt([&](std::vector<std::byte>& bytes, std::vector<int>&) {
            if (bytes.size() < shortest_request)
                return false;
            size = bytes.size();
            bytes.resize(std::min(length, bytes.size()));
            return true;
        });
    EXPECT_GT(spoilt_, 20U);
}

TEST_F(WarmSpoiltRequest, changed) {
    std::uint32_t random = 1;
    auto next = [&random](std::size_t end) {
        random = random * 1664525 + 1013904223;
        return (random >> 8) % end;
    };
    for (int i = 0; i < repetitions(200); ++i)
        start_spoilt([&](std::vector<std::byte>& bytes, std::vector<int>&) {
            if (bytes.size() < shortest_request)
                return false;
            for (std::size_t changes = 1 + next(3); changes != 0; --changes)
                bytes[next(bytes.size())] = static_cast<std::byte>(next(256));
            return true;
        });
    EXPECT_GT(spoilt_, 100U);
}

TEST_F(WarmSpoiltRequest, without_its_descriptors_or_with_others) {
    for (std::size_t count : {0, 1, 2, 100, 253})
        start_spoilt([&](std::vector<std::byte>& bytes, std::vector<int>& fds) {
            if (bytes.size() < shortest_request)
                return false;
            fds.resize(count, fds.empty() ? 0 : fds.front());
            return true;
        });
    EXPECT_GT(spoilt_, 2U);
}

TEST_F(WarmSpoiltRequest, too_long_for_any) {
    start_spoilt([](std::vector<std::byte>& bytes, std::vector<int>&) {
        if (bytes.size() < shortest_request)
            return false;
        bytes.resize(200'000);
        return true;
    });
    EXPECT_GT(spoilt_, 0U);
}

}  // namespace
}  // namespace spawntpl::tests
