# cmake -DCXX= -DPKG_CONFIG= -DSTAGE= -DPKGCONFIGDIR= -DLIBS= -DBINARY_DIR= -P run.cmake
# The compiler with what "pkg-config --cflags --libs Qt6KcpNetwork" says, then run.
cmake_minimum_required(VERSION 3.21)
file(REMOVE_RECURSE "${BINARY_DIR}")
file(MAKE_DIRECTORY "${BINARY_DIR}")
set(ENV{PKG_CONFIG_PATH} "${STAGE}/${PKGCONFIGDIR}:$ENV{PKG_CONFIG_PATH}")
set(ENV{LD_LIBRARY_PATH} "${STAGE}/${LIBS}:$ENV{LD_LIBRARY_PATH}")
execute_process(COMMAND ${PKG_CONFIG} --cflags --libs Qt6KcpNetwork
    OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE result)
if(result)
    message(FATAL_ERROR "pkg-config: ${result}")
endif()
separate_arguments(flags UNIX_COMMAND "${flags}")
# -fPIC: Qt of the distributions asks for it, its .pc files do not say so
foreach(command "${CXX};-std=c++17;-fPIC;${CMAKE_CURRENT_LIST_DIR}/../main.cpp;${flags};-o;consumer" "./consumer")
    execute_process(COMMAND ${command} WORKING_DIRECTORY "${BINARY_DIR}" RESULT_VARIABLE result)
    if(result)
        message(FATAL_ERROR "${command}: ${result}")
    endif()
endforeach()
