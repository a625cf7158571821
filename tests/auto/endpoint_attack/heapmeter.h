// SPDX-License-Identifier: MIT
// Counts the bytes that the program has on the heap: its operators new and delete are replaced.
#ifndef KCPNET_TEST_HEAPMETER_H
#define KCPNET_TEST_HEAPMETER_H

#include <cstddef>

namespace heapmeter {

std::size_t bytes(); // now
std::size_t peak(); // the most since startPeak()
void startPeak();

} // namespace heapmeter

#endif // KCPNET_TEST_HEAPMETER_H
