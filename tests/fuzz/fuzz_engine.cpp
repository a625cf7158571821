// SPDX-License-Identifier: MIT
// Sequences of operations on two engines and the network between them.
#include "enginepairfuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    kcpfuzz::FuzzInput input(data, size);
    kcpfuzz::EnginePairFuzz(input).run();
    return 0;
}
