# Warnings for every target below the directory that includes this file, tests and examples too.
if(NOT MSVC)
    add_compile_options(-Wall -Wextra -Wpedantic)
    if(QTKCPNETWORK_WERROR)
        add_compile_options(-Werror)
    endif()
elseif(QTKCPNETWORK_WERROR)
    add_compile_options(/WX)
endif()

# ON when the compiler flags (of a preset, say) ask for a sanitizer.
set(KCPNET_SANITIZED OFF)
if("${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_DEBUG}" MATCHES "-fsanitize=")
    set(KCPNET_SANITIZED ON)
endif()
