# common.sh - what the scripts share: where the project is, and what must be installed. Sourced.
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

BUILD_PACKAGES=(gcc libc6-dev binutils cmake ninja-build pkgconf libigraph-dev libzstd-dev
    zlib1g-dev libcjson-dev libxxhash-dev libunistring-dev libsqlite3-dev libsodium-dev libpq-dev libxgboost-dev)
CHECK_PACKAGES=(g++ libcmocka-dev clang clang-format libclang-rt-14-dev libasan8 libubsan1 libtsan2
    python3 python3-jsonschema python3-xxhash python3-zstandard postgresql mandoc zstd gzip)

say() { printf '\n== %s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "run this as root, or install sudo: $*" >&2
        return 1
    fi
}

# need PACKAGE...: install those that are missing.
need() {
    local missing=() package
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "not a Debian system: expecting the counterparts of these to be installed: $*" >&2
        return 0
    fi
    for package in "$@"; do
        case "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" in
        *" installed") ;;
        *) missing+=("$package") ;;
        esac
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    say "installing ${missing[*]}"
    local log
    log=$(mktemp)
    # An archive that cannot be reached must not stop what the others have.
    if ! { as_root apt-get -qq update || true
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install "${missing[@]}"; } \
        </dev/null >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

jobs_default() { nproc 2>/dev/null || echo 1; }
