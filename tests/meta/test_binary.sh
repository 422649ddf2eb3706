#!/bin/sh
# The hardening flags did what they are there for: the command is position-independent, its stack is
# not executable, its relocations are read-only, functions have canaries, calls are fortified.
# SPDX-License-Identifier: GPL-3.0-or-later
command -v readelf >/dev/null || exit 77
build=$(dirname "$1")
setting() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
failed=0
must() { # WHAT PATTERN TEXT
    printf '%s\n' "$3" | grep -Eq "$2" || { echo "$1 is missing"; failed=1; }
}
header=$(readelf -hW "$1")
segments=$(readelf -lW "$1")
dynamic=$(readelf -dW "$1")
symbols=$(readelf -W --dyn-syms "$1")
must "position independence (PIE)" 'Type: +DYN' "$header"
must "position independence (flag)" 'FLAGS_1.*PIE' "$dynamic"
must "read-only relocations (RELRO)" 'GNU_RELRO' "$segments"
must "immediate binding" 'BIND_NOW|FLAGS_1.* NOW' "$dynamic"
must "a stack that is not executable" 'GNU_STACK.* RW ' "$segments"
must "stack canaries" '__stack_chk_fail' "$symbols"
if [ -z "$(setting RS_SANITIZE)" ] && [ "$(setting CMAKE_BUILD_TYPE)" = Release ]; then
    must "fortified calls" '_chk(@|$| )' "$symbols"
fi
if printf '%s\n' "$segments" | grep -E 'LOAD.* RWE'; then
    echo "a segment is writable and executable"
    failed=1
fi
if printf '%s\n' "$dynamic" | grep -E 'RPATH|RUNPATH|TEXTREL'; then
    failed=1
fi
exit $failed
