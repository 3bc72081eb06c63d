// SPDX-License-Identifier: MIT
#include "map_output.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

namespace spawntpl::tools {

namespace {

Fd open_temporary() {
    std::error_code error;
    std::string directory = std::filesystem::temp_directory_path(error);
    if (error)
        directory = "/tmp";
    Fd file(open(directory.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
    if (file || (errno != EOPNOTSUPP && errno != EISDIR))
        return file;
    std::string path = directory + "/spawntpl-XXXXXX";
    file = Fd(mkostemp(path.data(), O_CLOEXEC));
    if (file)
        unlink(path.c_str());
    return file;
}

int write_file(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t length = write(fd, bytes.data(), bytes.size());
        if (length >= 0)
            bytes.remove_prefix(static_cast<std::size_t>(length));
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

}  // namespace

int KeptOutput::append(std::string_view bytes) {
    if (!file_ && memory_.size() + bytes.size() <= most_in_memory) {
        memory_.append(bytes);
        return 0;
    }
    if (!file_ && !(file_ = open_temporary()))
        return errno;
    return write_file(file_.get(), bytes);
}

int KeptOutput::write_to(OutputStream& stream) const {
    if (int error = stream.write(memory_); error != 0 || !file_)
        return error;
    char buffer[65536];
    off_t offset = 0;
    while (true) {
        ssize_t length = pread(file_.get(), buffer, sizeof(buffer), offset);
        if (length < 0)
            return errno;
        if (length == 0)
            return 0;
        offset += length;
        if (int error = stream.write({buffer, static_cast<std::size_t>(length)}); error != 0)
            return error;
    }
}

}  // namespace spawntpl::tools
