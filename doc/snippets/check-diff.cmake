# cmake -DDIFF= -DFOLDER= -P check-diff.cmake
#
# fortune.diff, which the documentation shows, must be the difference of the two programs. To
# renew it:
#   diff -u --label fortune_tcp.cpp --label fortune_kcp.cpp fortune_tcp.cpp fortune_kcp.cpp
cmake_minimum_required(VERSION 3.21)
execute_process(
    COMMAND "${DIFF}" -u --label fortune_tcp.cpp --label fortune_kcp.cpp
        "${FOLDER}/fortune_tcp.cpp" "${FOLDER}/fortune_kcp.cpp"
    OUTPUT_VARIABLE difference RESULT_VARIABLE status)
if(NOT status EQUAL 1)
    message(FATAL_ERROR "diff ended with ${status}")
endif()
file(READ "${FOLDER}/fortune.diff" shown)
if(NOT shown STREQUAL difference)
    message(FATAL_ERROR "fortune.diff is stale; it should be:\n${difference}")
endif()
message(STATUS "fortune.diff is the difference of the two programs")
