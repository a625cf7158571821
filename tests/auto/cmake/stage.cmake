# cmake -DBUILD_DIR= -DSTAGE= -DCONFIG= -P stage.cmake: installs into a prefix that did not exist before.
file(REMOVE_RECURSE "${STAGE}")
execute_process(COMMAND ${CMAKE_COMMAND} --install "${BUILD_DIR}" --prefix "${STAGE}" --config "${CONFIG}"
    RESULT_VARIABLE result)
if(result)
    message(FATAL_ERROR "install failed")
endif()
