// SPDX-License-Identifier: MIT
#include "watched_files.hpp"

#include "above_stdio.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace spawntpl::detail {

namespace {

/// The file system changes by calls of this system's kernel only, all of which tell inotify.
bool tells_of_changes(const std::string& path) {
    constexpr long f2fs = 0xF2F52010, xfs = 0x58465342, bcachefs = 0xca451a4e, erofs = 0xE0F5E1E2;
    constexpr long kinds[] = {EXT4_SUPER_MAGIC, xfs,  BTRFS_SUPER_MAGIC,
                              TMPFS_MAGIC,      f2fs, bcachefs,
                              SQUASHFS_MAGIC,   erofs};
    struct statfs status;
    return statfs(path.c_str(), &status) == 0 && std::ranges::count(kinds, status.f_type) != 0;
}

// A mapping that writes to a file is told of when it is closed.
constexpr std::uint32_t of_file =
    IN_ATTRIB | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF;
constexpr std::uint32_t of_directory =
    IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVE | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR;

/// The most symbolic links of a name, as for the kernel.
constexpr int max_depth = 40;

}  // namespace

WatchedFiles::Identity WatchedFiles::Identity::of(const std::string& path) {
    struct stat status;
    if (stat(path.c_str(), &status) != 0)
        return {};
    return {.device = status.st_dev,
            .inode = status.st_ino,
            .size = status.st_size,
            .changed = status.st_ctim};
}

bool WatchedFiles::Identity::operator==(const Identity& other) const {
    return device == other.device && inode == other.inode && size == other.size &&
           changed.tv_sec == other.changed.tv_sec && changed.tv_nsec == other.changed.tv_nsec;
}

void WatchedFiles::add(std::string path) {
    if (auto [file, is_new] = files_.try_emplace(std::move(path)); is_new)
        file->second = Identity::of(file->first);
}

void WatchedFiles::watch() {
    std::lock_guard lock(mutex_);
    noticing_ = notice_all(notices_);
    // What came before the kernel told of it.
    changed_ = differing();
}

const std::string* WatchedFiles::changed() const {
    std::lock_guard lock(mutex_);
    // The kernel tells once.
    if (changed_ || (noticing_ && !notices_.come()))
        return changed_;
    // A name may lead through other directories now; before the look, so that none is missed.
    if (noticing_)
        noticing_ = notice_all(notices_);
    return changed_ = differing();
}

bool WatchedFiles::changed_since(const timespec& time, const WatchedFiles* earlier) const {
    auto was_the_same = [&](const auto& file) {
        if (!earlier)
            return false;
        auto then = earlier->files_.find(file.first);
        return then != earlier->files_.end() && then->second == file.second;
    };
    return std::ranges::any_of(files_, [&](const auto& file) {
        const timespec& changed = file.second.changed;
        bool late = changed.tv_sec > time.tv_sec ||
                    (changed.tv_sec == time.tv_sec && changed.tv_nsec >= time.tv_nsec);
        return late && !was_the_same(file);
    });
}

const std::string* WatchedFiles::differing() const {
    for (const auto& [path, identity] : files_)
        if (Identity::of(path) != identity)
            return &path;
    return nullptr;
}

bool WatchedFiles::notice_all(Notices& notices) const {
    notices = Notices();
    return notices.open() &&
           std::ranges::all_of(files_, [&](const auto& file) { return notices.add(file.first); });
}

bool WatchedFiles::Notices::open() {
    inotify_ = above_stdio(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    // Another file system may be mounted over a name.
    mounts_ = above_stdio(::open("/proc/thread-self/mounts", O_RDONLY | O_CLOEXEC));
    return inotify_ && mounts_;
}

bool WatchedFiles::Notices::add(const std::string& path, int depth) {
    if (depth > max_depth || !path.starts_with('/'))
        return false;
    std::string directory("/");
    for (std::size_t at = 1; at <= path.size();) {
        std::size_t end = std::min(path.find('/', at), path.size());
        std::string name = path.substr(at, end - at);
        at = end + 1;
        if (name.empty() || name == ".")
            continue;
        if (name == "..") {
            // There are no symbolic links in it any more.
            directory.resize(std::max<std::size_t>(directory.rfind('/'), 1));
            continue;
        }
        if (!watch(directory, of_directory, name))
            return false;
        std::string whole = (directory == "/" ? "" : directory) + "/" + name;
        struct stat status;
        if (lstat(whole.c_str(), &status) != 0)
            return errno == ENOENT;
        if (S_ISLNK(status.st_mode)) {
            char target[PATH_MAX];
            ssize_t length = readlink(whole.c_str(), target, sizeof(target));
            if (length <= 0)
                return false;
            std::string rest(target, static_cast<std::size_t>(length));
            if (!rest.starts_with('/'))
                rest = directory + "/" + rest;
            if (end < path.size())
                rest += path.substr(end);
            return add(rest, depth + 1);
        }
        directory = whole;
    }
    return watch(directory, of_file, {});
}

bool WatchedFiles::Notices::come() const {
    pollfd both[] = {{.fd = inotify_.get(), .events = POLLIN, .revents = 0},
                     {.fd = mounts_.get(), .events = POLLPRI, .revents = 0}};
    if (poll(both, std::size(both), 0) == 0)
        return false;
    return both[1].revents != 0 || both[0].revents != POLLIN || read_events();
}

bool WatchedFiles::Notices::watch(const std::string& path, std::uint32_t events,
                                  std::string_view name) {
    if (!tells_of_changes(path))
        return false;
    // One directory can have several watched names, a file several that lead to it.
    int watch = inotify_add_watch(inotify_.get(), path.c_str(), events | IN_MASK_ADD);
    if (watch < 0)
        return false;
    if (std::vector<std::string>& names = names_[watch];
        !name.empty() && !std::ranges::count(names, name))
        names.emplace_back(name);
    return true;
}

/// Whether one of them matters.
bool WatchedFiles::Notices::read_events() const {
    alignas(inotify_event) char events[4096];
    for (;;) {
        ssize_t length = ::read(inotify_.get(), events, sizeof(events));
        if (length <= 0)
            return length == 0 || errno != EAGAIN;
        for (ssize_t at = 0; at < length;) {
            const auto* event = reinterpret_cast<const inotify_event*>(events + at);
            at += static_cast<ssize_t>(sizeof(*event) + event->len);
            auto names = names_.find(event->wd);
            if (event->len == 0 || names == names_.end() ||
                std::ranges::count(names->second, std::string_view(event->name)) != 0)
                return true;
        }
    }
}

void wait_for_clock_of_files() {
    timespec time;
    clock_getres(CLOCK_REALTIME_COARSE, &time);
    nanosleep(&time, nullptr);
}

}  // namespace spawntpl::detail
