# cmake -DSOURCE= -DBINARY= -DGENERATOR= -DMAKE_PROGRAM= -DOPTIONS=<-D...;...> -DRUN=<program;arg...>
#       -P consumer.cmake
# Configures, builds and runs a project as a user would. Not ctest --build-and-test: that reads
# --help and the like itself.
cmake_minimum_required(VERSION 3.21)
file(REMOVE_RECURSE "${BINARY}")

execute_process(COMMAND ${CMAKE_COMMAND} -S "${SOURCE}" -B "${BINARY}" -G "${GENERATOR}"
        "-DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}" ${OPTIONS}
    COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build "${BINARY}" --parallel 2 COMMAND_ERROR_IS_FATAL ANY)

list(POP_FRONT RUN program)
find_program(path NAMES "${program}" PATHS "${BINARY}" "${BINARY}/Debug" "${BINARY}/examples"
    NO_DEFAULT_PATH REQUIRED)
execute_process(COMMAND "${path}" ${RUN} COMMAND_ERROR_IS_FATAL ANY)
