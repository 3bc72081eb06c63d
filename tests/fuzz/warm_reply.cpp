// SPDX-License-Identifier: MIT
//
// What the owner makes of an answer, whoever sent it, to the request of a child with and of one
// without descriptors. The first byte is the number of descriptors that come along.
#include "fuzz.hpp"
#include "program.hpp"
#include "warm_request.hpp"

#include <spawntpl/exception.hpp>

#include <optional>
#include <span>

namespace spawntpl::fuzz {

namespace {

/// A request that could have been sent.
class Sent {
public:
    explicit Sent(Command command) : command_(std::move(command)) {
        detail::CallerState any{};
        require(message_.build(any, any).value_or("an error").empty(), "the request can be built");
    }

    /// Nothing that is not in the request is named.
    void judge(const detail::WarmReply& reply) const {
        auto error = message_.error(reply);
        if (error && error->index >= 0)
            require(static_cast<std::size_t>(error->index) < command_.redirections().size(),
                    "the redirection is one of the command");
    }

private:
    Command command_;
    detail::Program program_ = value_or_throw(detail::find_program("/bin/true", std::nullopt));
    detail::Launch launch_ = value_or_throw(detail::Launch::prepare(program_, command_));
    detail::WarmMessage message_{launch_};
};

}  // namespace

void run(Input input) {
    static const Sent without_descriptors(Command().close(0).close(1).close(2));
    static const Sent with_descriptors(
        Command().cwd("/").umask(022).limit(RLIMIT_CORE, 0, 0).null(0).null(1).null(7));

    auto fds = static_cast<std::uint32_t>(input.number(256));
    detail::WarmReply reply;
    if (detail::decode_warm_reply(std::as_bytes(std::span(input.rest())), fds, reply))
        return;
    require(input.rest().size() == sizeof(reply), "nothing is left over or missing");
    require(reply.step <= detail::WarmStep::prepare, "the step is known");
    require(fds == 0 || (fds <= detail::warm_ready_fds && reply.step == detail::WarmStep::ready),
            "descriptors come from a child that is ready");
    without_descriptors.judge(reply);
    with_descriptors.judge(reply);
}

}  // namespace spawntpl::fuzz
