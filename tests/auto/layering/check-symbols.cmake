# cmake -DNM=<nm> -DARCHIVE=<lib.a> [-DDENIED=<denied-symbols.txt>] -P check-symbols.cmake
#
# Fails with one line for each undefined symbol of a static library that is denied: L0 and L1
# get time, randomness and datagrams as arguments, so they must link against neither.
cmake_minimum_required(VERSION 3.21)

if(NOT DENIED)
    set(DENIED "${CMAKE_CURRENT_LIST_DIR}/denied-symbols.txt")
endif()

file(STRINGS "${DENIED}" expressions REGEX "^[^#]")
string(REPLACE ";" "|" denied "${expressions}")

execute_process(COMMAND "${NM}" -C -u "${ARCHIVE}"
    OUTPUT_VARIABLE output ERROR_VARIABLE error RESULT_VARIABLE result)
if(result)
    message(FATAL_ERROR "${NM} ${ARCHIVE}: ${error}")
endif()

# Brackets of array types would join the elements of a CMake list.
string(REGEX REPLACE "[][;]" "_" output "${output}")
string(REPLACE "\n" ";" lines "${output}")
list(FILTER lines INCLUDE REGEX "^ +[Uwv] ")
list(TRANSFORM lines REPLACE "^ +[Uwv] " "")
list(REMOVE_DUPLICATES lines)

set(errors 0)
foreach(symbol IN LISTS lines)
    string(REGEX REPLACE "@.*$" "" name "${symbol}")                    # symbol@GLIBC_2.17
    string(REGEX REPLACE "^(vtable for|typeinfo for|typeinfo name for|guard variable for) " "" name "${name}")
    string(REGEX REPLACE "\\(.*$" "" name "${name}")
    string(REGEX REPLACE "^__(.*)_chk$" "\\1" name "${name}")
    if(name MATCHES "^(${denied})$")
        message(NOTICE "${ARCHIVE}: ${symbol}: denied by ${DENIED}")
        math(EXPR errors "${errors} + 1")
    endif()
endforeach()

list(LENGTH lines symbol_count)
if(symbol_count EQUAL 0)
    message(FATAL_ERROR "${ARCHIVE} has no undefined symbol at all: nothing was checked")
elseif(errors)
    message(FATAL_ERROR "${errors} denied symbols in ${ARCHIVE}")
endif()
message(STATUS "none of ${symbol_count} undefined symbols is denied")
