// SPDX-License-Identifier: MIT
#pragma once

#include <spawntpl/fd.hpp>

#include <ctime>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

namespace spawntpl::detail {

/// Files that must stay what they are, or be missing as they were, by their names: whatever may
/// lead a name to another file counts, too. Shared by threads.
class WatchedFiles {
public:
    void add(std::string path);

    /// Has the kernel tell of changes from now on, so that not each look has to be at all files.
    /// Without an effect where it does not tell of all: on network and overlay file systems, say.
    void watch();

    /// The first that has changed, or null.
    const std::string* changed() const;

    /// Whether one may have changed since @p time, of CLOCK_REALTIME_COARSE, or at it: the clock of
    /// file systems stands still for some milliseconds, in which further changes look the same.
    /// What was the same in @p earlier, of more than such a moment before @p time, has not: clocks
    /// are set back, and those of other systems are ahead. May be null.
    bool changed_since(const timespec& time, const WatchedFiles* earlier) const;

private:
    struct Identity {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = 0;
        timespec changed{};

        static Identity of(const std::string& path);
        bool operator==(const Identity& other) const;
    };

    /// What the kernel tells: of the files, and of the directories that their names lead through.
    class Notices {
    public:
        /// False if it will not tell of all that may happen to the name.
        bool open();
        bool add(const std::string& path, int depth = 0);

        /// Whether something has happened that may matter, since the last call.
        bool come() const;

    private:
        bool watch(const std::string& path, std::uint32_t events, std::string_view name);
        bool read_events() const;

        Fd inotify_;
        Fd mounts_;
        std::map<int, std::vector<std::string>>
            names_;  ///< that matter, by the watch of a directory
    };

    const std::string* differing() const;
    bool notice_all(Notices& notices) const;

    std::map<std::string, Identity> files_;
    mutable std::mutex mutex_;
    mutable Notices notices_;
    mutable bool noticing_ = false;
    mutable const std::string* changed_ = nullptr;
};

/// Until what changes now gets another time than what changes then.
void wait_for_clock_of_files();

/// Captures a program once more where one of the files() that matter to it changes meanwhile, but
/// not for ever. @p capture gives a std::expected of a shared pointer, as the result is.
template <typename Capture>
auto while_files_rest(const Capture& capture) -> decltype(capture()) {
    using Result = decltype(capture());
    Result earlier;
    for (int tries = 0; tries < 3; ++tries) {
        timespec before;
        clock_gettime(CLOCK_REALTIME_COARSE, &before);
        auto captured = capture();
        if (!captured)
            return captured;
        const WatchedFiles& files = (*captured)->files();
        if (!files.changed_since(before, *earlier ? &(*earlier)->files() : nullptr) &&
            !files.changed())
            return captured;
        earlier = std::move(captured);
        wait_for_clock_of_files();
    }
    return std::unexpected(typename Result::error_type{"the program's files are being changed"});
}

}  // namespace spawntpl::detail
