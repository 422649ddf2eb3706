#!/bin/sh
# What `cmake --install` leaves: every public header compiles alone as C and as C++, a C++ program that
# includes them all links by the pkg-config file and runs, and the command and its pages are there.
# SPDX-License-Identifier: GPL-3.0-or-later
build=$(dirname "$1")
setting() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
cc=$(setting CMAKE_C_COMPILER)
sanitize=$(setting RS_SANITIZE)
coverage=$(setting RS_COVERAGE)
case "$cc" in
*clang*) cxx=clang++ ;;
*) cxx=g++ ;;
esac
command -v "$cxx" >/dev/null && command -v pkg-config >/dev/null || exit 77
flags=${sanitize:+-fsanitize=$sanitize}
[ "$coverage" = ON ] && flags="$flags --coverage"

set -e
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cmake --install "$build" --prefix "$root" >/dev/null
pc=$(find "$root" -name ringscope.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
cflags=$(pkg-config --cflags ringscope)
libs=$(pkg-config --libs ringscope)

cd "$root"
cat >use.cpp <<'END'
#include <cstdio>
#include <cstring>
END
count=0
for header in include/ringscope/*.h; do
    name=ringscope/$(basename "$header")
    echo "#include <$name>" >one.c
    $cc -std=c17 -Wall -Wextra -Wpedantic -Werror $cflags -fsyntax-only one.c
    cp one.c one.cpp
    $cxx -std=c++11 -Wall -Wextra -Wpedantic -Werror $cflags -fsyntax-only one.cpp
    echo "#include <$name>" >>use.cpp
    count=$((count + 1))
done
[ "$count" -ge 8 ]
cat >>use.cpp <<'END'
int main()
{
    rs_store *store = nullptr;
    rs_error err = rs_error();
    if (std::strcmp(rs_version(), RS_VERSION) != 0) {
        return 1;
    }
    rs_status status = rs_store_open(&store, "no such store", &err);
    std::printf("%s\n", err.message);
    return status == RS_ENOTFOUND && store == nullptr ? 0 : 1;
}
END
$cxx -std=c++11 -Wall -Wextra -Wpedantic -Werror $flags $cflags -o use use.cpp $libs \
    -Wl,-rpath,"$(pkg-config --variable=libdir ringscope)"
./use | grep -q 'no such store'
bin/ringscope --version | grep -q "^ringscope $(pkg-config --modversion ringscope)$"
[ -f share/man/man1/ringscope.1 ]
# Nothing but the API leaves the shared library.
library=$(find "$root" -name 'libringscope.so' | head -n 1)
if [ -n "$library" ] && [ -z "$flags" ]; then
    if nm -D --defined-only "$library" | awk '$2 ~ /[TDBR]/ { print $3 }' | grep -v '^rs_'; then
        echo "the library shows names that are not rs_..."
        exit 1
    fi
fi
echo "$count headers"
