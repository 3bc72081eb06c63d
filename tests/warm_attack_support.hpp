// SPDX-License-Identifier: MIT
#pragma once

#include "warm_support.hpp"

#include <string>

namespace spawntpl::tests {

/// A test of what goes wrong around warm starts, or is made to: whatever happens, each start is
/// right or an error, of the program as it is then, and leaves nothing behind (see CleanTest).
class WarmAttack : public WarmTest {
protected:
    /// A start that must be right, whichever way it goes. Returns whether it was warm.
    static bool start_echo(const Template& echo, const std::string& word) {
        auto output = spawntpl::run(echo, Command({word}));
        EXPECT_TRUE(output) << output.error().message();
        if (!output)
            return false;
        EXPECT_TRUE(output->success());
        EXPECT_EQ(output->out, word + "\n");
        return output->backend == "warm";
    }

    /// A template process cannot be had again and again at once: it has to be earned.
    static void expect_warm_again(const Template& echo) {
        bool warm = false;
        for (int i = 0; i < 64 && !warm; ++i)
            warm = start_echo(echo, "again");
        EXPECT_TRUE(warm);
    }
};

}  // namespace spawntpl::tests
