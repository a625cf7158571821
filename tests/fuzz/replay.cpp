// SPDX-License-Identifier: MIT
// Runs a fuzzer's corpus without libFuzzer, with any compiler: every file of the folders, and every
// file, that it is given. Without a single file it fails.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

namespace {

bool run(const std::filesystem::path &path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        std::fprintf(stderr, "cannot read %s\n", path.string().c_str());
        return false;
    }
    const std::vector<char> content{ std::istreambuf_iterator<char>(file), {} };
    // Said before, so that a crash tells which file it was.
    std::printf("%s: %zu bytes\n", path.filename().string().c_str(), content.size());
    std::fflush(stdout);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t *>(content.data()), content.size());
    return true;
}

} // namespace

int main(int argc, char *argv[])
{
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < argc; ++i) {
        if (!std::filesystem::is_directory(argv[i])) {
            files.emplace_back(argv[i]);
            continue;
        }
        for (const auto &entry : std::filesystem::directory_iterator(argv[i])) {
            if (entry.is_regular_file())
                files.push_back(entry.path());
        }
    }
    if (files.empty()) {
        std::fprintf(stderr, "usage: %s FILE-OR-FOLDER...\nThere is no file to run.\n", argv[0]);
        return 2;
    }
    for (const std::filesystem::path &file : files) {
        if (!run(file))
            return 1;
    }
    std::printf("%zu files\n", files.size());
    return 0;
}
