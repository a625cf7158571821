# SPDX-License-Identifier: MIT
# cmake -DSOURCE= -DBUILD= -DWORK= -DVERSION= -DGENERATOR= -P check-vcpkg.cmake
# Runs packaging/vcpkg/portfile.cmake with stand-ins for vcpkg's functions. Configuring is real;
# instead of building once more, BUILD is installed. vcpkg.json is read as vcpkg's documentation
# describes it.
cmake_minimum_required(VERSION 3.21)
set(port_dir "${SOURCE}/packaging/vcpkg")
file(REMOVE_RECURSE "${WORK}")

# --- vcpkg.json -----------------------------------------------------------------------------------

file(READ "${port_dir}/vcpkg.json" json)

# check_keys(<what> <json> <allowed key>...)
function(check_keys what text)
    string(JSON count LENGTH "${text}")
    math(EXPR last "${count} - 1")
    foreach(i RANGE ${last})
        string(JSON key MEMBER "${text}" ${i})
        if(NOT key IN_LIST ARGN)
            message(FATAL_ERROR "vcpkg.json: ${what} has the unknown key '${key}'")
        endif()
    endforeach()
endfunction()

function(check_dependencies text)
    string(JSON count LENGTH "${text}")
    math(EXPR last "${count} - 1")
    foreach(i RANGE ${last})
        string(JSON dependency GET "${text}" ${i})
        check_keys("a dependency" "${dependency}" name host default-features features version>=)
        string(JSON name GET "${dependency}" name)
        if(NOT name MATCHES "^[a-z0-9]+(-[a-z0-9]+)*$")
            message(FATAL_ERROR "vcpkg.json: '${name}' is no name of a port")
        endif()
    endforeach()
endfunction()

check_keys("the manifest" "${json}" name version description license supports dependencies features)
string(JSON PORT GET "${json}" name)
string(JSON version GET "${json}" version)
string(JSON dependencies GET "${json}" dependencies)
string(JSON features GET "${json}" features)
check_dependencies("${dependencies}")
if(NOT version STREQUAL VERSION)
    message(FATAL_ERROR "vcpkg.json has version ${version}, the project ${VERSION}")
endif()
set(FEATURES core)
string(JSON count LENGTH "${features}")
math(EXPR last "${count} - 1")
foreach(i RANGE ${last})
    string(JSON name MEMBER "${features}" ${i})
    list(APPEND FEATURES ${name})
    string(JSON feature GET "${features}" ${name})
    check_keys("feature ${name}" "${feature}" description dependencies)
    string(JSON dependencies GET "${feature}" dependencies)
    check_dependencies("${dependencies}")
endforeach()

# --- vcpkg's functions ----------------------------------------------------------------------------

set(CURRENT_PACKAGES_DIR "${WORK}/packages")
set_property(GLOBAL PROPERTY calls "")

function(called name)
    set_property(GLOBAL APPEND PROPERTY calls ${name})
endfunction()

function(vcpkg_check_features)
    called(check_features)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "OUT_FEATURE_OPTIONS" "FEATURES")
    set(options "")
    while(arg_FEATURES)
        list(POP_FRONT arg_FEATURES feature variable)
        if(NOT feature IN_LIST FEATURES)
            message(FATAL_ERROR "portfile.cmake: feature ${feature} is not in vcpkg.json")
        endif()
        list(APPEND options "-D${variable}=ON")
    endwhile()
    set(${arg_OUT_FEATURE_OPTIONS} "${options}" PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
    called(configure)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
    execute_process(COMMAND ${CMAKE_COMMAND} -S "${arg_SOURCE_PATH}" -B "${WORK}/build"
            -G "${GENERATOR}" -DBUILD_SHARED_LIBS=ON "-DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}"
            ${arg_OPTIONS}
        OUTPUT_QUIET ERROR_VARIABLE errors COMMAND_ERROR_IS_FATAL ANY)
    if(errors MATCHES "not used by the project")
        message(FATAL_ERROR "portfile.cmake: ${errors}")
    endif()
endfunction()

function(vcpkg_cmake_install)
    called(install)
    execute_process(COMMAND ${CMAKE_COMMAND} --install "${BUILD}" --prefix "${CURRENT_PACKAGES_DIR}"
        OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(must_exist file)
    if(NOT EXISTS "${file}")
        message(FATAL_ERROR "portfile.cmake: there is no ${file}")
    endif()
endfunction()

function(vcpkg_cmake_config_fixup)
    called(config_fixup)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "PACKAGE_NAME;CONFIG_PATH" "")
    must_exist("${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/${arg_PACKAGE_NAME}Config.cmake")
endfunction()

function(vcpkg_fixup_pkgconfig)
    called(fixup_pkgconfig)
    must_exist("${CURRENT_PACKAGES_DIR}/lib/pkgconfig/Qt6KcpNetwork.pc")
endfunction()

function(vcpkg_install_copyright)
    called(copyright)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
    foreach(file IN LISTS arg_FILE_LIST)
        must_exist("${file}")
    endforeach()
endfunction()

# --- the port -------------------------------------------------------------------------------------

include("${port_dir}/portfile.cmake")

get_property(calls GLOBAL PROPERTY calls)
set(expected check_features configure install config_fixup fixup_pkgconfig copyright)
if(NOT calls STREQUAL expected)
    message(FATAL_ERROR "portfile.cmake called ${calls}")
endif()
must_exist("${CURRENT_PACKAGES_DIR}/share/${PORT}/usage")
must_exist("${CURRENT_PACKAGES_DIR}/include/QtKcpNetwork/KcpSocket")
file(REMOVE_RECURSE "${WORK}")
