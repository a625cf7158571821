// SPDX-License-Identifier: MIT
// The seed of random tests: KCP_TEST_SEED of the environment, else what the test gives. A test
// prints it with its failure, so that the run can be had again.
#ifndef KCPTEST_TESTSEED_H
#define KCPTEST_TESTSEED_H

#include <cstdint>
#include <cstdlib>

namespace kcptest {

inline std::uint64_t testSeed(std::uint64_t fallback)
{
    const char *text = std::getenv("KCP_TEST_SEED");
    return text && *text ? std::strtoull(text, nullptr, 0) : fallback;
}

} // namespace kcptest

#endif // KCPTEST_TESTSEED_H
