# rs_module(NAME DEPS other... LIBS target...)
#
# Declares the folder src/NAME as one module: all its .c files, and which folders it may include.
# The test "layers" reads these declarations and holds every #include against them.
# SPDX-License-Identifier: GPL-3.0-or-later
function(rs_module name)
    cmake_parse_arguments(arg "" "" "DEPS;LIBS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.c)
    if(NOT sources)
        return()
    endif()
    add_library(rs_${name} OBJECT ${sources})
    target_link_libraries(rs_${name} PUBLIC rs_flags PRIVATE ${arg_LIBS})
    set_property(GLOBAL APPEND PROPERTY RS_MODULES rs_${name})
    set_property(GLOBAL APPEND PROPERTY RS_LIBS ${arg_LIBS})
endfunction()
