// SPDX-License-Identifier: MIT
//
// A warm child has what its caller has at the moment of its start, whatever the template process
// was made by: nothing of the starts before, and all that has changed since.
#include "warm_support.hpp"

#include <algorithm>

#include <unistd.h>

namespace spawntpl::tests {
namespace {

using testing::HasSubstr;

class WarmCaller : public WarmTest {};

TEST_F(WarmCaller, environment_of_other_starts_is_not_in_a_childs_memory) {
    for (bool ready : {false, true}) {
        TemplateOptions options{.warm = Warm::allowed};
        if (ready)
            options.ready_args.emplace();
        Template program = value_or_throw(Template::open(payload("memory"), options));
        Command search({"terces-s'tnanet-tsrif"});
        Output own = start(program, Command(search).env({"TOKEN=first-tenant's-secret", "B=2"}));
        EXPECT_EQ(own.backend, "warm");
        EXPECT_NE(own.out, "0\n");
        Output other = start(program, Command(search).env({"A=1"}));
        EXPECT_EQ(other.backend, "warm");
        EXPECT_EQ(other.out, "0\n");
    }
}

}  // namespace
}  // namespace spawntpl::tests
