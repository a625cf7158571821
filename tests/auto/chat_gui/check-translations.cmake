# SPDX-License-Identifier: MIT
# cmake -DLUPDATE=... -DSOURCE=<chat-gui> -DFOLDER=<scratch> -P check-translations.cmake
#
# Fails if a text of the sources has no translation, or a translation no text.
cmake_minimum_required(VERSION 3.21)
file(REMOVE_RECURSE "${FOLDER}")
foreach(language de zh_CN)
    file(COPY "${SOURCE}/translations/chat_${language}.ts" DESTINATION "${FOLDER}")
    set(file "${FOLDER}/chat_${language}.ts")
    execute_process(
        COMMAND "${LUPDATE}" -silent -locations none "${SOURCE}/widgets" "${SOURCE}/app" -ts "${file}"
        RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
    if(result)
        message(FATAL_ERROR "lupdate has failed: ${result}")
    endif()
    file(READ "${file}" text)
    string(REGEX MATCHALL "<source>[^<]*</source>[^<]*<translation type=\"[a-z]*\"" open "${text}")
    string(REGEX MATCHALL "<translation>[^<]" done "${text}")
    list(LENGTH done count)
    if(open OR count LESS 50)
        message(FATAL_ERROR "chat_${language}.ts, ${count} complete; not: ${open}")
    endif()
    message(STATUS "chat_${language}.ts: ${count} texts, all translated")
endforeach()
