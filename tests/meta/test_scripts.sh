#!/bin/sh
# The scripts parse, answer --help, and refuse an option that does not exist.
# SPDX-License-Identifier: GPL-3.0-or-later
cd "$2" || exit 1
failed=0
for script in scripts/* .ci/run; do
    if [ "$script" = scripts/common.sh ] || head -n 1 "$script" | grep -q 'bash$'; then
        bash -n "$script" || failed=1
    fi
    case "$script" in scripts/common.sh | .ci/run | *.md | *__pycache__) continue ;; esac
    "$script" --help | grep -q "^usage: $script" || { echo "$script: no --help"; failed=1; }
    "$script" --no-such-option >/dev/null 2>&1
    [ $? = 2 ] || { echo "$script: takes an option that does not exist"; failed=1; }
done
exit $failed
