// SPDX-License-Identifier: MIT
#include "above_stdio.hpp"
#include "event_loop.hpp"
#include "read_buffers.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <unordered_map>

#include <sys/epoll.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

constexpr int most_events = 64;

/// In milliseconds, not too early.
int timeout_until(Clock::time_point until) {
    if (until == Clock::time_point::max())
        return -1;
    auto now = Clock::now();
    auto left = until > now ? until - now : Clock::duration::zero();
    auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return static_cast<int>(std::min<std::int64_t>(milliseconds, INT_MAX));
}

class EpollLoop : public EventLoop {
public:
    explicit EpollLoop(Fd epoll) : epoll_(std::move(epoll)) {}

    std::string_view name() const override { return "epoll"; }

    Result<void> await_exit(Token token, int pidfd) override {
        return add(token, {.fd = pidfd, .reads = false});
    }

    Result<void> await_readable(Token token, int fd) override {
        return add(token, {.fd = fd, .reads = false});
    }

    Result<void> read(Token token, int pipe) override {
        return add(token, {.fd = pipe, .reads = true});
    }

    void cancel(Token token) override {
        auto found = watched_.find(token);
        if (found != watched_.end())
            remove(found);
        std::erase(always_ready_, token);
    }

    Result<void> wait(Clock::time_point until, std::vector<Event>& events) override {
        for (auto& buffer : delivered_buffers_)
            buffers_.give_back(std::move(buffer));
        delivered_buffers_.clear();

        epoll_event ready[most_events];
        int timeout = always_ready_.empty() ? timeout_until(until) : 0;
        int count = epoll_wait(epoll_.get(), ready, most_events, timeout);
        if (count < 0 && errno != EINTR)
            return std::unexpected(watch_error(errno, "epoll_wait"));
        // Memory may run out only where nothing has been taken yet.
        auto most = static_cast<std::size_t>(std::max(count, 0));
        events.reserve(events.size() + always_ready_.size() + most);
        delivered_buffers_.reserve(most);
        for (Token token : always_ready_)
            events.push_back({.token = token});
        always_ready_.clear();
        for (int i = 0; i < count; ++i)
            if (auto found = watched_.find(ready[i].data.u64); found != watched_.end())
                deliver(found, events);
        return {};
    }

private:
    struct Watched {
        int fd;
        bool reads;
    };

    using Place = std::unordered_map<Token, Watched>::iterator;

    Result<void> add(Token token, Watched watched) {
        auto place = watched_.emplace(token, watched).first;
        epoll_event event{.events = EPOLLIN, .data = {.u64 = token}};
        if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, watched.fd, &event) == 0)
            return {};
        int error = errno;
        watched_.erase(place);
        // Regular files do not block.
        if (error != EPERM)
            return std::unexpected(watch_error(error, "epoll_ctl"));
        always_ready_.push_back(token);
        return {};
    }

    void remove(Place place) {
        epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, place->second.fd, nullptr);
        watched_.erase(place);
    }

    void deliver(Place place, std::vector<Event>& events) {
        auto [token, watched] = *place;
        Event event{.token = token};
        if (watched.reads) {
            ReadBuffers::Buffer buffer = buffers_.take();
            ssize_t length = ::read(watched.fd, buffer.get(), ReadBuffers::size);
            if (length < 0 && (errno == EINTR || errno == EAGAIN))
                return;
            event.error = length < 0 ? errno : 0;
            event.bytes = {buffer.get(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))};
            delivered_buffers_.push_back(std::move(buffer));
        }
        if (event.bytes.empty())
            remove(place);
        events.push_back(event);
    }

    Fd epoll_;
    std::unordered_map<Token, Watched> watched_;
    std::vector<Token> always_ready_;
    ReadBuffers buffers_;
    std::vector<ReadBuffers::Buffer> delivered_buffers_;
};

}  // namespace

Result<std::unique_ptr<EventLoop>> make_epoll_loop() {
    Fd epoll = above_stdio(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll)
        return std::unexpected(watch_error(errno, "epoll_create1"));
    return std::make_unique<EpollLoop>(std::move(epoll));
}

}  // namespace spawntpl::detail
