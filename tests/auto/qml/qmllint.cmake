# cmake -DQMLLINT= -DFILES= -DIMPORTS= [-DEXPECT=] -P qmllint.cmake
# Fails on every warning of qmllint, whose exit status knows only some of them. With EXPECT it fails
# when one of these words is missing in what qmllint says.
cmake_minimum_required(VERSION 3.21)
set(arguments "")
foreach(import IN LISTS IMPORTS)
    list(APPEND arguments -I "${import}")
endforeach()
execute_process(COMMAND "${QMLLINT}" ${arguments} ${FILES}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
message("${output}")
foreach(word IN LISTS EXPECT)
    if(NOT output MATCHES "${word}")
        message(FATAL_ERROR "qmllint says nothing of ${word}")
    endif()
endforeach()
if(NOT EXPECT AND (result OR output MATCHES "Warning:|Error:|Info:"))
    message(FATAL_ERROR "qmllint is not content")
endif()
