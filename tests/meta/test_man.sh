#!/bin/sh
# mandoc has nothing to say about the man pages.
# SPDX-License-Identifier: GPL-3.0-or-later
cd "$2/docs/man" || exit 1
command -v mandoc >/dev/null || exit 77
mandoc -T lint -W warning *.1
