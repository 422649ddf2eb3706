#!/bin/sh
# clang-format is a no-op on every C file.
# SPDX-License-Identifier: GPL-3.0-or-later
cd "$2" || exit 1
command -v clang-format >/dev/null || exit 77
find include src tests -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror
