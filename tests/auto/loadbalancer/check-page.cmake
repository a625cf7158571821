# SPDX-License-Identifier: MIT
# cmake -DCONF= -DPAGE= -P check-page.cmake: the page shows the tested configuration, line by line.
cmake_minimum_required(VERSION 3.21)
file(READ "${PAGE}" page)
file(READ "${CONF}" conf)
string(REGEX REPLACE "\n([^\n])" "\n    \\1" shown "    ${conf}")
string(FIND "${page}" "    \\badcode\n${shown}    \\endcode\n" at)
if(at EQUAL -1)
    message(FATAL_ERROR "${PAGE} does not show ${CONF}:\n${shown}")
endif()
