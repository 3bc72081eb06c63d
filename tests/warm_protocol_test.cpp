// SPDX-License-Identifier: MIT
#include "warm_protocol.hpp"

#include "program.hpp"
#include "support.hpp"
#include "warm_request.hpp"

#include <cstring>
#include <string_view>

#include <signal.h>

namespace spawntpl::detail {
namespace {

/// A request with one of everything, to be spoilt.
class WarmProtocol : public testing::Test {
protected:
    static constexpr std::uint32_t fds = 2;

    WarmProtocol() {
        head_.magic = warm_magic;
        head_.version = warm_version;
        head_.nr_fds = fds;
        head_.nr_moves = 2;
        head_.nr_actions = 1;
        head_.operands_size = sizeof(spawn_template_rlimit);
        head_.argc = 2;
        head_.envc = 1;
        action_.type = SPAWN_TEMPLATE_RLIMIT;
        action_.size = sizeof(spawn_template_rlimit);
    }

    /// What is wrong, or empty.
    std::string decode() {
        std::string text;
        auto append = [&](const void* from, std::size_t size) {
            text.append(static_cast<const char*>(from), size);
        };
        head_.size = static_cast<std::uint32_t>(sizeof(head_) + sizeof(moves_) + sizeof(action_) +
                                                sizeof(limit_) + strings_.size());
        append(&head_, sizeof(head_));
        append(moves_, sizeof(moves_));
        append(&action_, sizeof(action_));
        append(&limit_, sizeof(limit_));
        text += strings_;
        text.resize(text.size() - cut_);
        memory_.assign((text.size() + 7) / 8, 0);
        std::memcpy(memory_.data(), text.data(), text.size());
        const char* wrong = decode_warm_request(
            {reinterpret_cast<std::byte*>(memory_.data()), text.size()}, fds, pointers_, plan_);
        return wrong ? wrong : "";
    }

    WarmRequest head_{};
    WarmMove moves_[2] = {{1, 0}, {4, 1}};
    spawn_template_action action_{};
    spawn_template_rlimit limit_{};
    std::string strings_ = std::string("a\0b\0C=1\0", 8);
    std::size_t cut_ = 0;
    std::vector<std::uint64_t> memory_;
    char* pointers_[8];
    WarmPlan plan_;
};

TEST_F(WarmProtocol, good_request_is_understood) {
    ASSERT_EQ(decode(), "");
    EXPECT_STREQ(plan_.argv[0], "a");
    EXPECT_STREQ(plan_.argv[1], "b");
    EXPECT_EQ(plan_.argv[2], nullptr);
    EXPECT_STREQ(plan_.envp[0], "C=1");
    EXPECT_EQ(plan_.envp[1], nullptr);
    EXPECT_EQ(plan_.args_end - plan_.argv[0], 4);
    EXPECT_EQ(plan_.env_end - plan_.args_end, 4);
    ASSERT_EQ(plan_.actions.size(), 1U);
    EXPECT_EQ(plan_.moves.size(), 2U);
}

TEST_F(WarmProtocol, cut_request_is_refused_wherever_it_is_cut) {
    ASSERT_EQ(decode(), "");
    for (cut_ = 1; cut_ <= head_.size; ++cut_)
        EXPECT_NE(decode(), "") << cut_;
}

TEST_F(WarmProtocol, each_wrong_field_is_refused) {
    auto refused = [&](auto& field, auto value) {
        auto old = field;
        field = value;
        EXPECT_NE(decode(), "");
        field = old;
        EXPECT_EQ(decode(), "");
    };
    refused(head_.magic, 0U);
    refused(head_.version, warm_version + 1);
    refused(head_.nr_fds, 3U);
    refused(head_.nr_moves, 0xffffffffU);
    refused(head_.nr_moves, 1U);
    refused(head_.nr_actions, 0xffffffffU);
    refused(head_.operands_size, 0xfffffff8U);
    refused(head_.argc, 0U);
    refused(head_.argc, 0xffffffffU);
    refused(head_.argc, 1U);
    refused(head_.envc, 0xffffffffU);
    refused(head_.envc, 2U);
    refused(head_.after, 2U);
    refused(moves_[0].target, -1);
    refused(moves_[0].target, 4);
    refused(moves_[1].source, 2U);
    refused(action_.type, 0xffffU);
    refused(action_.type, std::uint32_t{SPAWN_TEMPLATE_DUP2});
    refused(action_.arg, std::uint64_t{8});
    refused(action_.arg, ~std::uint64_t{7});
    refused(action_.size, 0xffffffffU);
    refused(action_.size, 8U);
    refused(strings_, std::string("a\0b\0C=1x", 8));
}

TEST_F(WarmProtocol, descriptor_of_an_action_has_to_come_along) {
    action_.type = SPAWN_TEMPLATE_FCHDIR;
    EXPECT_EQ(decode(), "");
    for (int fd : {-1, 2, 1 << 30}) {
        action_.fd = fd;
        EXPECT_NE(decode(), "");
    }
}

TEST_F(WarmProtocol, groups_have_to_be_in_their_operand) {
    action_.type = SPAWN_TEMPLATE_SETIDS;
    auto& ids = reinterpret_cast<spawn_template_ids&>(limit_);
    static_assert(sizeof(limit_) >= sizeof(ids));
    EXPECT_EQ(decode(), "");
    ids.nr_groups = 1;
    EXPECT_NE(decode(), "");
    ids.nr_groups = 0x40000001;
    EXPECT_NE(decode(), "");
}

template <typename Message>
std::span<const std::byte> bytes(const Message& message) {
    return std::as_bytes(std::span(&message, 1));
}

TEST(WarmFillMessage, is_checked) {
    const WarmFill good{
        .magic = warm_magic, .version = warm_version, .lane = 0, .serial = 0xffffffff};
    WarmFill read{};
    ASSERT_EQ(decode_warm_fill(bytes(good), 0, read), nullptr);
    EXPECT_EQ(read.serial, good.serial);
    WarmFill on_demand = good;
    on_demand.lane = warm_lane_on_demand;
    EXPECT_EQ(decode_warm_fill(bytes(on_demand), 1, read), nullptr);
    EXPECT_NE(decode_warm_fill(bytes(on_demand), 2, read), nullptr);
    EXPECT_NE(decode_warm_fill(bytes(good), 1, read), nullptr);

    for (std::size_t size = 0; size < sizeof(good); ++size)
        EXPECT_NE(decode_warm_fill(bytes(good).first(size), 0, read), nullptr) << size;
    WarmFill all = good;
    all.lane = warm_all_lanes;
    all.serial = 0;
    EXPECT_EQ(decode_warm_fill(std::as_bytes(std::span(&all, 1)), 0, read), nullptr);
    EXPECT_EQ(read.lane, warm_all_lanes);
    EXPECT_NE(decode_warm_fill(std::as_bytes(std::span(&all, 1)), 1, read), nullptr);
    const WarmFill two[] = {good, good};
    EXPECT_NE(decode_warm_fill(std::as_bytes(std::span(two)), 0, read), nullptr);
    auto refused = [&](std::uint32_t WarmFill::*field, std::uint32_t value) {
        WarmFill wrong = good;
        wrong.*field = value;
        EXPECT_NE(decode_warm_fill(bytes(wrong), 0, read), nullptr);
    };
    refused(&WarmFill::magic, 0);
    refused(&WarmFill::version, warm_version + 1);
    refused(&WarmFill::lane, warm_all_lanes);
    refused(&WarmFill::lane, warm_all_lanes + 1);
    refused(&WarmFill::lane, 0xffffffff);
}

TEST(WarmReplyMessage, is_checked) {
    auto is_taken = [](WarmStep step, int index, int error, std::uint32_t fds = 0) {
        const WarmReply reply{
            .magic = warm_magic, .serial = 7, .step = step, .index = index, .error = error};
        WarmReply read{};
        return decode_warm_reply(bytes(reply), fds, read) == nullptr;
    };
    EXPECT_TRUE(is_taken(WarmStep::ready, -1, 0, 2));
    EXPECT_TRUE(is_taken(WarmStep::ready, -1, 0, 0)) << "its descriptors may be lost";
    EXPECT_TRUE(is_taken(WarmStep::started, -1, 0));
    EXPECT_TRUE(is_taken(WarmStep::action, 0, EPERM));
    EXPECT_TRUE(is_taken(WarmStep::move, 3, EBADF));
    EXPECT_TRUE(is_taken(WarmStep::clone, -1, EAGAIN));
    EXPECT_TRUE(is_taken(WarmStep::refused, -1, EPROTO));
    EXPECT_TRUE(is_taken(WarmStep::prepare, -1, ENOMEM));

    EXPECT_FALSE(is_taken(WarmStep::ready, -1, 0, 3));
    EXPECT_FALSE(is_taken(WarmStep::ready, -1, EPERM, 2));
    EXPECT_FALSE(is_taken(WarmStep::ready, 0, 0, 2));
    EXPECT_FALSE(is_taken(WarmStep::started, -1, 0, 1));
    EXPECT_FALSE(is_taken(WarmStep::action, -1, EPERM));
    EXPECT_FALSE(is_taken(WarmStep::action, 0, 0));
    EXPECT_FALSE(is_taken(WarmStep::action, 0, -EPERM));
    EXPECT_FALSE(is_taken(WarmStep::action, 0, 4096));
    EXPECT_FALSE(is_taken(WarmStep::prepare, 0, ENOMEM));
    EXPECT_FALSE(is_taken(static_cast<WarmStep>(7), -1, EPERM));
    EXPECT_FALSE(is_taken(static_cast<WarmStep>(0xffffffff), -1, EPERM));

    WarmReply reply{
        .magic = warm_magic, .serial = 1, .step = WarmStep::started, .index = -1, .error = 0};
    WarmReply read{};
    for (std::size_t size = 0; size < sizeof(reply); ++size)
        EXPECT_NE(decode_warm_reply(bytes(reply).first(size), 0, read), nullptr) << size;
    reply.magic = 0;
    EXPECT_NE(decode_warm_reply(bytes(reply), 0, read), nullptr);
}

TEST(WarmReplyMessage, names_nothing_that_was_not_asked_for) {
    auto program = value_or_throw(find_program("/bin/true", std::nullopt));
    Command command;
    command.close(0).close(1).close(2);
    auto launch = value_or_throw(Launch::prepare(program, command));
    WarmMessage message(launch);
    CallerState any{};
    ASSERT_EQ(message.build(any, any), "");
    for (WarmStep step : {WarmStep::action, WarmStep::move})
        for (int index : {0, 1, 1'000'000}) {
            const WarmReply reply{
                .magic = warm_magic, .serial = 1, .step = step, .index = index, .error = EPERM};
            // Its own directory is the only action, and that is none of the Command's.
            EXPECT_EQ(message.error(reply), std::nullopt);
        }
}

TEST(WarmWaitMessage, is_checked) {
    const WarmWait good{.magic = warm_magic, .version = warm_version, .pid = 7};
    pid_t pid = 0;
    ASSERT_EQ(decode_warm_wait(bytes(good), 0, pid), nullptr);
    EXPECT_EQ(pid, 7);
    EXPECT_NE(decode_warm_wait(bytes(good), 1, pid), nullptr);
    for (std::size_t size = 0; size < sizeof(good); ++size)
        EXPECT_NE(decode_warm_wait(bytes(good).first(size), 0, pid), nullptr) << size;
    for (WarmWait wrong :
         {WarmWait{0, warm_version, 7}, WarmWait{warm_magic, 0, 7},
          WarmWait{warm_magic, warm_version, 0}, WarmWait{warm_magic, warm_version, -1}})
        EXPECT_NE(decode_warm_wait(bytes(wrong), 0, pid), nullptr);
}

TEST(WarmEndMessage, is_checked) {
    auto is_taken = [](int error, int code, int status, std::int64_t usage = 1,
                       std::uint32_t fds = 0) {
        WarmEnd end{}, read{};
        end.magic = warm_magic;
        end.error = error;
        end.code = code;
        end.status = status;
        end.user_time = end.system_time = end.max_rss = usage;
        for (std::size_t size = 0; size < sizeof(end); ++size)
            EXPECT_NE(decode_warm_end(bytes(end).first(size), fds, read), nullptr) << size;
        return decode_warm_end(bytes(end), fds, read) == nullptr;
    };
    EXPECT_TRUE(is_taken(0, 0, 0));
    EXPECT_TRUE(is_taken(ECHILD, 0, 0));
    EXPECT_TRUE(is_taken(0, CLD_EXITED, 255));
    EXPECT_TRUE(is_taken(0, CLD_KILLED, 64));
    EXPECT_TRUE(is_taken(0, CLD_DUMPED, SIGSEGV));
    EXPECT_FALSE(is_taken(0, 0, 1));
    EXPECT_FALSE(is_taken(ECHILD, CLD_EXITED, 0));
    EXPECT_FALSE(is_taken(-1, 0, 0));
    EXPECT_FALSE(is_taken(4096, 0, 0));
    EXPECT_FALSE(is_taken(0, CLD_EXITED, 256));
    EXPECT_FALSE(is_taken(0, CLD_EXITED, -1));
    EXPECT_FALSE(is_taken(0, CLD_KILLED, 0));
    EXPECT_FALSE(is_taken(0, CLD_KILLED, 65));
    EXPECT_FALSE(is_taken(0, CLD_STOPPED, SIGSTOP));
    EXPECT_FALSE(is_taken(0, CLD_EXITED, 0, -1));
    EXPECT_FALSE(is_taken(0, CLD_EXITED, 0, 1, 1));
}

TEST(WarmHelloMessage, is_checked) {
    WarmHello head{.magic = warm_magic, .version = warm_version, .news = WarmNews::files, .pid = 1};
    auto decode = [&head](std::string_view names) -> std::string {
        std::string message(reinterpret_cast<const char*>(&head), sizeof(head));
        message += names;
        WarmHello hello;
        std::span<const char> read;
        if (const char* wrong = decode_warm_hello(std::as_bytes(std::span(message)), hello, read))
            return wrong;
        EXPECT_EQ(hello.news, head.news);
        EXPECT_EQ(std::string_view(read), names);
        return "";
    };
    using std::string_view_literals::operator""sv;
    EXPECT_EQ(decode("/a\0/b\0"sv), "");
    EXPECT_NE(decode(""), "");
    EXPECT_NE(decode("/a\0/b"sv), "");
    EXPECT_NE(decode(std::string(warm_max_hello, '\0')), "");
    head.news = WarmNews::arrival;
    EXPECT_EQ(decode("\0"sv), "");
    EXPECT_NE(decode("one\0two\0"sv), "");
    head.pid = 0;
    EXPECT_NE(decode("\0"sv), "");
    head.pid = 1;
    head.news = static_cast<WarmNews>(3);
    EXPECT_NE(decode("\0"sv), "");
    head.news = WarmNews::arrival;
    ++head.version;
    EXPECT_NE(decode("\0"sv), "");
    head.version = warm_version;
    head.magic = 0;
    EXPECT_NE(decode("\0"sv), "");
}

}  // namespace
}  // namespace spawntpl::detail
