// SPDX-License-Identifier: MIT
//
// The memory that children have before their requests, because others have used it.
#include "warm_support.hpp"

#include <string>

#include <linux/perf_event.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::tests {
namespace {

class WarmRehearsals : public WarmTest {
protected:
    void SetUp() override {
        WarmTest::SetUp();
        perf_event_attr attributes{};
        attributes.size = sizeof(attributes);
        attributes.type = PERF_TYPE_SOFTWARE;
        attributes.config = PERF_COUNT_SW_PAGE_FAULTS;
        attributes.exclude_kernel = 1;
        attributes.exclude_hv = 1;
        attributes.remove_on_exec = 1;
        Fd event(static_cast<int>(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0UL)));
        if (!event)
            GTEST_SKIP() << "page faults cannot be recorded here: "
                         << std::generic_category().message(errno);
    }

    /// When the next child waits, and the template process for its end.
    static void wait_for_rest() {
        wait_for_children(2);
        const std::string stat = "/proc/" + std::to_string(template_process()) + "/stat";
        while (read_file(stat).find(") S ") == std::string::npos)
            sched_yield();
    }
};

TEST_F(WarmRehearsals, children_have_the_memory_that_the_first_ones_have_used) {
    constexpr int pages = 24, most_starts = 100;
    Template program = allowed(payload("pages"));
    Output first = start(program);
    EXPECT_EQ(first.backend, "warm");
    int faults = std::stoi(first.out);
    EXPECT_GT(faults, pages / 2);
    for (int i = 0; i < most_starts && faults != 0; ++i) {
        wait_for_rest();
        Output next = start(program);
        EXPECT_EQ(next.backend, "warm");
        faults = std::stoi(next.out);
    }
    EXPECT_EQ(faults, 0);
}

}  // namespace
}  // namespace spawntpl::tests
