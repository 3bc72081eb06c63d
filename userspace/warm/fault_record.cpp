// SPDX-License-Identifier: MIT
#include "fault_record.hpp"

#include "working_set.hpp"

#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace spawntpl::warm {

namespace {

// Room for a thousand faults.
constexpr std::size_t data_size = 4 * page_size;

/// What the kernel writes for a fault.
struct Sample {
    perf_event_header header;
    std::uint64_t address;
};

int open_event(pid_t process, bool in_kernel) {
    perf_event_attr attributes{};
    attributes.size = sizeof(attributes);
    attributes.type = PERF_TYPE_SOFTWARE;
    attributes.config = PERF_COUNT_SW_PAGE_FAULTS;
    attributes.sample_period = 1;
    attributes.sample_type = PERF_SAMPLE_ADDR;
    attributes.exclude_kernel = in_kernel ? 0 : 1;
    attributes.exclude_hv = 1;
    // Another program has other addresses.
    attributes.remove_on_exec = 1;
    return static_cast<int>(syscall(SYS_perf_event_open, &attributes, process, -1, -1,
                                    static_cast<unsigned long>(PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace

bool FaultRecord::begin(pid_t process) {
    // Not all may hear of what the kernel does.
    for (bool in_kernel : {true, false})
        if ((fd_ = open_event(process, in_kernel)) >= 0)
            break;
    if (fd_ >= 0 && map())
        return true;
    int error = errno;
    end();
    errno = error;
    return false;
}

/// Children do not have it: so it is with such memory.
bool FaultRecord::map() {
    void* buffer = mmap(nullptr, page_size + data_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (buffer == MAP_FAILED)
        return false;
    buffer_ = static_cast<perf_event_mmap_page*>(buffer);
    return true;
}

void FaultRecord::end() {
    if (buffer_)
        munmap(buffer_, page_size + data_size);
    buffer_ = nullptr;
    if (fd_ >= 0)
        close(fd_);
    fd_ = -1;
}

bool FaultRecord::process_has_ended() const {
    pollfd ended{.fd = fd_, .events = 0, .revents = 0};
    return poll(&ended, 1, 0) > 0 && (ended.revents & POLLHUP) != 0;
}

bool FaultRecord::next(std::uintptr_t& address) {
    const auto* data = reinterpret_cast<const std::byte*>(buffer_) + page_size;
    const std::uint64_t tail = buffer_->data_tail;
    if (tail == __atomic_load_n(&buffer_->data_head, __ATOMIC_ACQUIRE))
        return false;
    // None is broken at the end of the buffer: all are of a size. Another one, and what is behind
    // it, comes only where some are lost.
    Sample sample;
    std::memcpy(&sample, data + tail % data_size, sizeof(sample));
    if (sample.header.type != PERF_RECORD_SAMPLE || sample.header.size != sizeof(sample))
        return false;
    __atomic_store_n(&buffer_->data_tail, tail + sizeof(sample), __ATOMIC_RELEASE);
    address = static_cast<std::uintptr_t>(sample.address);
    return true;
}

}  // namespace spawntpl::warm
