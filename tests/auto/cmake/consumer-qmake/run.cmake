# cmake -DQMAKE= -DMAKE= -DSTAGE= -DMODULES= -DLIBS= -DBINARY_DIR= -P run.cmake
# "QT += kcpnetwork" against an installed copy, then run.
cmake_minimum_required(VERSION 3.21)
file(REMOVE_RECURSE "${BINARY_DIR}")
file(MAKE_DIRECTORY "${BINARY_DIR}")
set(ENV{QMAKEMODULES} "${STAGE}/${MODULES}")
set(ENV{LD_LIBRARY_PATH} "${STAGE}/${LIBS}:$ENV{LD_LIBRARY_PATH}")
set(ENV{MAKEFLAGS} "")
foreach(command "${QMAKE};${CMAKE_CURRENT_LIST_DIR}/consumer.pro" "${MAKE}" "./consumer")
    execute_process(COMMAND ${command} WORKING_DIRECTORY "${BINARY_DIR}" RESULT_VARIABLE result)
    if(result)
        message(FATAL_ERROR "${command}: ${result}")
    endif()
endforeach()
