// SPDX-License-Identifier: MIT
#include "warm_protocol.hpp"

#include "support.hpp"

#include <cstring>

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

}  // namespace
}  // namespace spawntpl::detail
