# cmake -DREADME= -DSNIPPETS= -P check-readme.cmake
#
# Compares the code of the README with the compiled snippets. A marker in the README names the
# file and the tag; the code block that follows must be what stands between the two "//! [tag]"
# lines of that file:
#   <!-- snippet: echo_server.cpp server -->
#   ```cpp
cmake_minimum_required(VERSION 3.21)
file(READ "${README}" readme)

set(checked 0)
while(readme MATCHES "<!-- snippet: ([a-z_.]+) ([a-z_]+) -->\n```cpp\n")
    set(file "${CMAKE_MATCH_1}")
    set(tag "${CMAKE_MATCH_2}")
    string(FIND "${readme}" "${CMAKE_MATCH_0}" start)
    string(LENGTH "${CMAKE_MATCH_0}" length)
    math(EXPR start "${start} + ${length}")
    string(SUBSTRING "${readme}" ${start} -1 readme)
    string(FIND "${readme}" "```\n" end)
    string(SUBSTRING "${readme}" 0 ${end} shown)

    file(READ "${SNIPPETS}/${file}" source)
    set(marker "//! [${tag}]\n")
    string(LENGTH "${marker}" length)
    string(FIND "${source}" "${marker}" start)
    string(FIND "${source}" "${marker}" end REVERSE)
    if(start EQUAL -1 OR start EQUAL end)
        message(FATAL_ERROR "${file} has no two lines ${marker}")
    endif()
    math(EXPR start "${start} + ${length}")
    math(EXPR length "${end} - ${start}")
    string(SUBSTRING "${source}" ${start} ${length} compiled)

    if(NOT shown STREQUAL compiled)
        message(FATAL_ERROR "${README} and ${file} [${tag}] differ; the README has:\n${shown}")
    endif()
    math(EXPR checked "${checked} + 1")
endwhile()

string(FIND "${readme}" "```cpp" unmarked)
if(checked EQUAL 0 OR NOT unmarked EQUAL -1)
    message(FATAL_ERROR "${README}: C++ code without a snippet marker")
endif()
message(STATUS "${checked} snippets are identical")
