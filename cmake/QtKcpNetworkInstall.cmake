# kcpnet_install_module(<target>): the library, and the files by which CMake, qmake and
# pkg-config find it. The headers are installed by kcpnet_sync_headers().
include(CMakePackageConfigHelpers)

function(kcpnet_install_module target)
    install(TARGETS ${target} EXPORT Qt6KcpNetworkTargets
        RUNTIME DESTINATION "${KCPNET_INSTALL_BINDIR}" COMPONENT Runtime
        LIBRARY DESTINATION "${KCPNET_INSTALL_LIBDIR}" COMPONENT Runtime NAMELINK_COMPONENT Devel
        ARCHIVE DESTINATION "${KCPNET_INSTALL_LIBDIR}" COMPONENT Devel
    )
    install(EXPORT Qt6KcpNetworkTargets
        NAMESPACE Qt6:: DESTINATION "${KCPNET_INSTALL_CMAKEDIR}" COMPONENT Devel)

    configure_package_config_file(
        ${PROJECT_SOURCE_DIR}/cmake/Qt6KcpNetworkConfig.cmake.in Qt6KcpNetworkConfig.cmake
        INSTALL_DESTINATION "${KCPNET_INSTALL_CMAKEDIR}"
        PATH_VARS KCPNET_INSTALL_QMLDIR
        NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/Qt6KcpNetworkConfigVersion.cmake.in
        Qt6KcpNetworkConfigVersion.cmake @ONLY)
    install(FILES
        ${CMAKE_CURRENT_BINARY_DIR}/Qt6KcpNetworkConfig.cmake
        ${CMAKE_CURRENT_BINARY_DIR}/Qt6KcpNetworkConfigVersion.cmake
        DESTINATION "${KCPNET_INSTALL_CMAKEDIR}" COMPONENT Devel)

    set(KCPNET_PRI_CONFIG "v2")
    set(KCPNET_PRI_DEFINES "QT_KCPNETWORK_LIB")
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
        string(APPEND KCPNET_PRI_CONFIG " staticlib")
        string(APPEND KCPNET_PRI_DEFINES " QT_KCPNETWORK_STATIC")
    endif()

    # qmake: QT += kcpnetwork
    file(RELATIVE_PATH KCPNET_PRI_TO_LIB "/${KCPNET_INSTALL_MKSPECSDIR}" "/${KCPNET_INSTALL_LIBDIR}")
    file(RELATIVE_PATH KCPNET_PRI_TO_INC "/${KCPNET_INSTALL_MKSPECSDIR}" "/${KCPNET_INSTALL_INCLUDEDIR}")
    file(RELATIVE_PATH KCPNET_PRI_TO_BIN "/${KCPNET_INSTALL_MKSPECSDIR}" "/${KCPNET_INSTALL_BINDIR}")
    configure_file(${PROJECT_SOURCE_DIR}/cmake/qt_lib_kcpnetwork.pri.in qt_lib_kcpnetwork.pri @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/qt_lib_kcpnetwork.pri
        DESTINATION "${KCPNET_INSTALL_MKSPECSDIR}" COMPONENT Devel)

    # pkg-config
    file(RELATIVE_PATH KCPNET_PC_TO_PREFIX "/${KCPNET_INSTALL_PKGCONFIGDIR}" "/")
    string(REGEX REPLACE "/$" "" KCPNET_PC_TO_PREFIX "${KCPNET_PC_TO_PREFIX}")
    string(REPLACE " " " -D" KCPNET_PC_DEFINES "-D${KCPNET_PRI_DEFINES}")
    configure_file(${PROJECT_SOURCE_DIR}/cmake/Qt6KcpNetwork.pc.in Qt6KcpNetwork.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/Qt6KcpNetwork.pc
        DESTINATION "${KCPNET_INSTALL_PKGCONFIGDIR}" COMPONENT Devel)
endfunction()
