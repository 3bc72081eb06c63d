// SPDX-License-Identifier: MIT
//
// Runs a fuzz target with each file of a directory, without libFuzzer.
#include "fuzz.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

int main(int argc, char** argv) {
    if (argc != 2)
        return 2;
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
        std::ifstream file(entry.path(), std::ios::binary);
        std::string bytes(std::istreambuf_iterator<char>(file), {});
        std::fprintf(stderr, "%s\n", entry.path().c_str());
        spawntpl::fuzz::run({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
        ++count;
    }
    std::printf("%d inputs\n", count);
}
