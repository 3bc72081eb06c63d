// SPDX-License-Identifier: MIT
//
// What the fuzz targets share. A target defines run(). libFuzzer calls it with what it makes
// up, replay.cpp with the files of a corpus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace spawntpl::fuzz {

/// Bytes turned into values; zeros and empty strings when they are used up.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size)
        : rest_(reinterpret_cast<const char*>(data), size) {}

    bool empty() const { return rest_.empty(); }

    std::string_view rest() const { return rest_; }

    /// Less than @p end, which is at most 256.
    int number(int end) {
        if (rest_.empty())
            return 0;
        int value = static_cast<unsigned char>(rest_[0]) % end;
        rest_.remove_prefix(1);
        return value;
    }

    bool flag() { return number(2) != 0; }

    /// Up to 15 bytes, any of them.
    std::string text() {
        auto length = static_cast<std::size_t>(number(16));
        std::string text(rest_.substr(0, length));
        rest_.remove_prefix(text.size());
        return text;
    }

private:
    std::string_view rest_;
};

inline void require(bool condition, const char* what) {
    if (condition)
        return;
    std::fprintf(stderr, "wrong: %s\n", what);
    std::abort();
}

/// Ends the program if the target does not do what it should with this.
void run(Input input);

}  // namespace spawntpl::fuzz
