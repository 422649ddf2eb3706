# Warnings, hardening and instrumentation, each only where the compiler has it.
# What the flags made of the binary is checked by tests/meta/test_binary.sh.
# SPDX-License-Identifier: GPL-3.0-or-later

add_library(rs_flags INTERFACE)
target_compile_definitions(rs_flags INTERFACE _GNU_SOURCE)
target_include_directories(rs_flags INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src
                                              ${PROJECT_BINARY_DIR}/include)

function(rs_flag flag)
    string(MAKE_C_IDENTIFIER "RS_HAVE${flag}" name)
    check_c_compiler_flag("${flag}" ${name})
    if(${name})
        target_compile_options(rs_flags INTERFACE ${flag})
    endif()
endfunction()

function(rs_link_flag flag)
    string(MAKE_C_IDENTIFIER "RS_LINK${flag}" name)
    check_linker_flag(C "${flag}" ${name})
    if(${name})
        target_link_options(rs_flags INTERFACE ${flag})
    endif()
endfunction()

foreach(flag -Wall -Wextra -Wformat=2 -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes
        -Wmissing-prototypes -Wimplicit-fallthrough -Wvla -Wundef -Wpointer-arith -Wbidi-chars=any
        -Wtrampolines -Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion
        -Werror=format-security)
    rs_flag(${flag})
endforeach()
if(RS_WERROR)
    rs_flag(-Werror)
endif()

# Assertions stay in every build: to stop is better than to go on with what cannot be.
target_compile_options(rs_flags INTERFACE -UNDEBUG)

# A result may depend on nothing but its input: no fused multiply-add, no reassociation.
rs_flag(-ffp-contract=off)
# The checks that a compiler may drop as "undefined" stay in.
foreach(flag -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing
        -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fexceptions
        -ftrivial-auto-var-init=zero -fstrict-flex-arrays=3 -fvisibility=hidden)
    rs_flag(${flag})
endforeach()
# Not -z nodlopen: a library that Python or Java cannot load serves fewer people.
foreach(flag -Wl,-z,noexecstack -Wl,-z,relro -Wl,-z,now -Wl,--as-needed)
    rs_link_flag(${flag})
endforeach()
if(RS_SANITIZE)
    target_compile_options(rs_flags INTERFACE -fsanitize=${RS_SANITIZE} -fno-omit-frame-pointer
                           -fno-sanitize-recover=all)
    target_link_options(rs_flags INTERFACE -fsanitize=${RS_SANITIZE})
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(rs_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
if(RS_FUZZ)
    target_compile_options(rs_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(RS_COVERAGE)
    target_compile_options(rs_flags INTERFACE --coverage)
    target_link_options(rs_flags INTERFACE --coverage)
endif()
