# A small, configure-time stand-in for syncqt.
#
#   kcpnet_sync_headers(<target> MODULE QtKcpNetwork
#       HEADERS kcpsocket.h kcpserver.h qtkcpnetworkglobal.h
#       GENERATED ${CMAKE_CURRENT_BINARY_DIR}/qtkcpnetworkversion.h
#       CLASSES KcpSocket:kcpsocket.h KcpServer:kcpserver.h)
#
# Creates <bin>/include/<MODULE>/{kcpsocket.h,KcpSocket,...,<MODULE>} as forwarding headers
# for the build tree, and install rules for the real headers plus the CamelCase ones.
function(kcpnet_sync_headers target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "MODULE" "HEADERS;GENERATED;CLASSES")
    set(out "${PROJECT_BINARY_DIR}/include/${arg_MODULE}")
    set(master "#ifndef QT_${arg_MODULE}_MODULE_H\n#define QT_${arg_MODULE}_MODULE_H\n")
    set(real "")
    foreach(h IN LISTS arg_HEADERS arg_GENERATED)
        cmake_path(ABSOLUTE_PATH h BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" OUTPUT_VARIABLE abs)
        cmake_path(GET abs FILENAME name)
        file(CONFIGURE OUTPUT "${out}/${name}" CONTENT "#include \"${abs}\"\n" @ONLY)
        list(APPEND real "${abs}")
        string(APPEND master "#include <${arg_MODULE}/${name}>\n")
    endforeach()
    string(APPEND master "#endif\n")
    file(CONFIGURE OUTPUT "${out}/${arg_MODULE}" CONTENT "${master}" @ONLY)
    set(camel "${out}/${arg_MODULE}")
    foreach(pair IN LISTS arg_CLASSES)
        string(REPLACE ":" ";" pair "${pair}")
        list(GET pair 0 class)
        list(GET pair 1 header)
        file(CONFIGURE OUTPUT "${out}/${class}" CONTENT "#include \"${header}\"\n" @ONLY)
        list(APPEND camel "${out}/${class}")
    endforeach()
    target_include_directories(${target} PUBLIC
        "$<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>"
        "$<BUILD_INTERFACE:${out}>"
        "$<INSTALL_INTERFACE:${KCPNET_INSTALL_INCLUDEDIR}>"
        "$<INSTALL_INTERFACE:${KCPNET_INSTALL_INCLUDEDIR}/${arg_MODULE}>")
    if(QTKCPNETWORK_INSTALL)
        install(FILES ${real} ${camel} COMPONENT Devel
            DESTINATION "${KCPNET_INSTALL_INCLUDEDIR}/${arg_MODULE}")
    endif()
endfunction()
