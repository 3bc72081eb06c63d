// SPDX-License-Identifier: MIT
#include "above_stdio.hpp"
#include "event_loop.hpp"
#include "read_buffers.hpp"

#include <cerrno>
#include <unordered_map>

#include <liburing.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

// Linux 6.7; liburing 2.3 does not know it.
constexpr int op_waitid = 50;

constexpr unsigned submission_entries = 256;
constexpr unsigned completion_entries = 4096;

/// As many children wait by WAITID at once; the others' pidfds are polled. At the end of each child
/// the kernel asks all waits of its parent whether they are meant: 4,000 of them add about 100 us
/// to each end, where polls add nothing.
constexpr std::size_t most_waitids = 64;

enum class Kind { exit, readable, read };

struct Operation {
    Kind kind;
    int fd;
    bool in_flight = false;
    bool cancelled = false;
    bool waitid = false;
    ReadBuffers::Buffer buffer{};
};

class UringLoop : public EventLoop {
public:
    UringLoop() = default;
    UringLoop(const UringLoop&) = delete;

    ~UringLoop() override {
        if (!open_)
            return;
        // The kernel writes to the buffers of reads for as long as these are in flight.
        for (auto& [token, operation] : operations_)
            if (operation.in_flight)
                send_cancel(token, operation);
        while (in_flight_ > 0)
            if (int result = io_uring_submit_and_wait(&ring_, 1); result < 0 && result != -EINTR)
                break;
            else
                take_completions(nullptr);
        io_uring_queue_exit(&ring_);
    }

    /// An errno, or 0.
    int open() {
        // Completions are worked off when this thread asks for them, and not by interrupting it.
        // Unknown to kernels before 6.1.
        io_uring_params params{};
        params.flags =
            IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
        params.cq_entries = completion_entries;
        int result = io_uring_queue_init_params(submission_entries, &ring_, &params);
        if (result == -EINVAL) {
            params = {};
            params.flags = IORING_SETUP_CQSIZE;
            params.cq_entries = completion_entries;
            result = io_uring_queue_init_params(submission_entries, &ring_, &params);
        }
        if (result < 0)
            return -result;
        open_ = true;
        // Completions must not be lost when there are more than entries.
        if (!(params.features & IORING_FEAT_NODROP))
            return EOPNOTSUPP;
        move_above_stdio();
        return probe();
    }

    std::string_view name() const override { return "io_uring"; }

    Result<void> await_exit(Token token, int pidfd) override {
        return add(token, {.kind = Kind::exit, .fd = pidfd});
    }

    Result<void> await_readable(Token token, int fd) override {
        return add(token, {.kind = Kind::readable, .fd = fd});
    }

    Result<void> read(Token token, int pipe) override {
        return add(token, {.kind = Kind::read, .fd = pipe, .buffer = buffers_.take()});
    }

    void cancel(Token token) override {
        auto found = operations_.find(token);
        if (found == operations_.end())
            return;
        if (found->second.in_flight) {
            send_cancel(token, found->second);
            // The caller may close the descriptor now; its number becomes another's.
            io_uring_submit(&ring_);
        } else {
            buffers_.give_back(std::move(found->second.buffer));
            operations_.erase(found);
        }
    }

    Result<void> wait(Clock::time_point until, std::vector<Event>& events) override {
        for (Token token : delivered_reads_)
            if (auto found = operations_.find(token); found != operations_.end())
                submit(token, found->second);
        delivered_reads_.clear();
        for (auto& buffer : delivered_buffers_)
            buffers_.give_back(std::move(buffer));
        delivered_buffers_.clear();

        int result = submit_and_wait(until);
        if (result < 0 && result != -ETIME && result != -EINTR && result != -EAGAIN &&
            result != -EBUSY)
            return std::unexpected(watch_error(-result, "io_uring_enter"));
        take_completions(&events);
        return {};
    }

private:
    int probe() {
        constexpr std::size_t most_operations = 256;
        alignas(io_uring_probe)
            std::byte room[sizeof(io_uring_probe) + most_operations * sizeof(io_uring_probe_op)]{};
        auto* probe = reinterpret_cast<io_uring_probe*>(room);
        int result = io_uring_register_probe(&ring_, probe, most_operations);
        if (result < 0)
            return result == -EINVAL ? EOPNOTSUPP : -result;
        auto supports = [&](int operation) {
            return io_uring_opcode_supported(probe, operation) != 0;
        };
        has_waitid_ = supports(op_waitid);
        bool enough = supports(IORING_OP_READ) && supports(IORING_OP_POLL_ADD) &&
                      supports(IORING_OP_ASYNC_CANCEL);
        return enough ? 0 : EOPNOTSUPP;
    }

    void move_above_stdio() {
        if (ring_.ring_fd > STDERR_FILENO)
            return;
        Fd moved = above_stdio(ring_.ring_fd);
        ring_.ring_fd = ring_.enter_ring_fd = moved.release();
    }

    io_uring_sqe* next_entry() {
        io_uring_sqe* entry;
        while (!(entry = io_uring_get_sqe(&ring_)))
            io_uring_submit(&ring_);
        return entry;
    }

    Result<void> add(Token token, Operation operation) {
        auto [place, added] = operations_.emplace(token, std::move(operation));
        submit(token, place->second);
        return {};
    }

    void submit(Token token, Operation& operation) {
        io_uring_sqe* entry = next_entry();
        if (operation.kind == Kind::read)
            io_uring_prep_read(entry, operation.fd, operation.buffer.get(), ReadBuffers::size, -1);
        else if (operation.kind == Kind::exit && has_waitid_ && waitids_ < most_waitids)
            prepare_waitid(entry, operation);
        else
            io_uring_prep_poll_add(entry, operation.fd, POLLIN);
        io_uring_sqe_set_data64(entry, token);
        operation.in_flight = true;
        ++in_flight_;
    }

    void prepare_waitid(io_uring_sqe* entry, Operation& operation) {
        io_uring_prep_rw(op_waitid, entry, operation.fd, nullptr, P_PIDFD, 0);
        entry->file_index = WEXITED | WNOWAIT;
        operation.waitid = true;
        ++waitids_;
    }

    void send_cancel(Token token, Operation& operation) {
        if (operation.cancelled)
            return;
        operation.cancelled = true;
        io_uring_sqe* entry = next_entry();
        io_uring_prep_cancel64(entry, token, 0);
        io_uring_sqe_set_data64(entry, 0);
    }

    int submit_and_wait(Clock::time_point until) {
        if (until == Clock::time_point::max())
            return io_uring_submit_and_wait(&ring_, 1);
        auto now = Clock::now();
        auto left = until > now ? until - now : Clock::duration::zero();
        auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
        __kernel_timespec time{.tv_sec = seconds.count(),
                               .tv_nsec = (left - seconds) / std::chrono::nanoseconds(1)};
        io_uring_cqe* first = nullptr;
        return io_uring_submit_and_wait_timeout(&ring_, &first, 1, &time, nullptr);
    }

    /// Without @p events they are dropped.
    void take_completions(std::vector<Event>* events) {
        unsigned ready = io_uring_cq_ready(&ring_);
        // Memory may run out only where a completion is still to come.
        if (events)
            events->reserve(events->size() + ready);
        delivered_reads_.reserve(delivered_reads_.size() + ready);
        delivered_buffers_.reserve(delivered_buffers_.size() + ready);
        io_uring_cqe* completion;
        for (; ready > 0 && io_uring_peek_cqe(&ring_, &completion) == 0; --ready) {
            // Those of cancellations and timeouts are nobody's.
            if (auto found = operations_.find(completion->user_data); found != operations_.end())
                complete(found, completion->res, events);
            io_uring_cqe_seen(&ring_, completion);
        }
    }

    using Place = std::unordered_map<Token, Operation>::iterator;

    void complete(Place place, int result, std::vector<Event>* events) {
        auto& [token, operation] = *place;
        // Another one for the next read: this may be cancelled while its bytes are in use.
        ReadBuffers::Buffer next;
        if (events && operation.kind == Kind::read && result > 0)
            next = buffers_.take();
        operation.in_flight = false;
        --in_flight_;
        waitids_ -= operation.waitid;
        operation.waitid = false;
        if (operation.cancelled || !events) {
            buffers_.give_back(std::move(operation.buffer));
            operations_.erase(place);
            return;
        }
        if (result == -EINTR || result == -EAGAIN) {
            delivered_reads_.push_back(token);
            return;
        }
        Event event{.token = token, .error = result < 0 ? -result : 0};
        if (operation.kind == Kind::read && result > 0) {
            event.bytes = {operation.buffer.get(), static_cast<std::size_t>(result)};
            delivered_reads_.push_back(token);
            delivered_buffers_.push_back(std::exchange(operation.buffer, std::move(next)));
        } else {
            buffers_.give_back(std::move(operation.buffer));
            operations_.erase(place);
        }
        events->push_back(event);
    }

    io_uring ring_{};
    bool open_ = false;
    bool has_waitid_ = false;
    std::unordered_map<Token, Operation> operations_;
    std::size_t in_flight_ = 0;
    std::size_t waitids_ = 0;
    ReadBuffers buffers_;
    std::vector<Token> delivered_reads_;  ///< and others that have to be submitted again
    std::vector<ReadBuffers::Buffer> delivered_buffers_;
};

}  // namespace

Result<std::unique_ptr<EventLoop>> make_uring_loop() {
    auto loop = std::make_unique<UringLoop>();
    if (int error = loop->open(); error != 0)
        return std::unexpected(watch_error(error, "io_uring"));
    return loop;
}

}  // namespace spawntpl::detail
