# cmake -DSCRIPT=<checker> -DARGUMENTS=<-D...;...> -DEXPECTED=<text;...> -P expect-failure.cmake
#
# The test of a checker: it must fail, and it must name every EXPECTED text, and it must not
# report more lines than that.
cmake_minimum_required(VERSION 3.21)

execute_process(COMMAND ${CMAKE_COMMAND} ${ARGUMENTS} -P ${SCRIPT}
    OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
if(result EQUAL 0)
    message(FATAL_ERROR "${SCRIPT} found nothing:\n${output}")
endif()
foreach(text IN LISTS EXPECTED)
    string(FIND "${output}" "${text}" position)
    if(position EQUAL -1)
        message(FATAL_ERROR "${SCRIPT} did not report '${text}':\n${output}")
    endif()
endforeach()
list(LENGTH EXPECTED expected_count)
string(REGEX MATCH "([0-9]+) (includes break|denied symbols)" ignored "${output}")
if(NOT CMAKE_MATCH_1 EQUAL expected_count)
    message(FATAL_ERROR "expected ${expected_count} findings, not ${CMAKE_MATCH_1}:\n${output}")
endif()
message(STATUS "${expected_count} findings, as expected")
