#!/bin/sh
# Helpers for the tests of the command. Each script sources this file with the command's path in $1,
# and then runs in an empty temporary directory, which is removed at the end.
#
# Expected results are computed by the shell, awk, sort and od, not by the command itself.

set -u
LC_ALL=C
TERM=dumb
export LC_ALL TERM

indexkv=$1
# shellcheck disable=SC2034 # for the scripts
tests=$(cd "$(dirname "$0")/.." && pwd)
name=$(basename "$0" .sh)
directory=$(mktemp -d "${TMPDIR:-/tmp}/indexkv-cli-$name.XXXXXX") || exit 1
trap 'rm -rf "$directory"' EXIT
trap 'exit 1' INT TERM HUP
cd "$directory" || exit 1
mkdir work
cd work || exit 1

# The layout of the stores that are built, whatever the default: ctest sets INDEXKV_TEST_LAYOUT to
# run some scripts again with `clustered`.
layout=${INDEXKV_TEST_LAYOUT:-arrival}

# Standard output and error of the last `run` or `check`.
out=$directory/out
err=$directory/err
last='(nothing)'

fail() {
    echo "$name: $*" >&2
    echo "after: $last" >&2
    if [ -s "$out" ]; then
        echo '--- standard output (head)' >&2
        head -n 20 "$out" | cut -c 1-300 >&2
    fi
    if [ -s "$err" ]; then
        echo '--- standard error (head)' >&2
        head -n 20 "$err" | cut -c 1-300 >&2
    fi
    exit 1
}

# check STATUS COMMAND...: run a command that must end with this exit status.
check() {
    wanted=$1
    shift
    last=$*
    "$@" >"$out" 2>"$err"
    status=$?
    [ "$status" -eq "$wanted" ] || fail "exit status $status, expected $wanted"
}

# run STATUS ARGUMENT...: the same for the command under test.
run() {
    wanted=$1
    shift
    if [ "${1-}" = build ]; then
        shift
        of_layout=$(layout_option "$@")
        set -- build ${of_layout:+"$of_layout"} "$@"
    fi
    check "$wanted" "$indexkv" "$@"
}

# layout_option ARGUMENT...: print the option for the layout under test, unless these arguments of
# build exclude it.
layout_option() {
    for argument; do
        case $argument in --plain | --layout) return ;; esac
    done
    echo "--layout=$layout"
}

# by_layout ARRIVAL CLUSTERED: print what is expected with the layout under test.
by_layout() {
    if [ "$layout" = arrival ]; then printf '%s\n' "$1"; else printf '%s\n' "$2"; fi
}

all_commands() {
    echo build get scan merge export replicate diff sample info verify bench compare seek
}

# A build without jansson does not support compare.
supported_commands() {
    if "$indexkv" compare 2>&1 | grep -q 'built without jansson'; then
        echo build get scan merge export replicate diff sample info verify bench seek
    else
        all_commands
    fi
}

# build ARGUMENT...: build a store; must succeed.
build() {
    run 0 build --quiet "$@"
    [ ! -s "$err" ] || fail 'build --quiet wrote to standard error'
}

# out_is TEXT: check that standard output is exactly this text, with escapes as in printf %b.
out_is() {
    printf '%b' "$1" >"$directory/expected"
    cmp -s "$directory/expected" "$out" || {
        echo '--- expected' >&2
        cut -c 1-300 "$directory/expected" >&2
        fail 'unexpected standard output'
    }
}

out_has() {
    grep -qF -- "$1" "$out" || fail "standard output lacks: $1"
}

err_has() {
    grep -qF -- "$1" "$err" || fail "standard error lacks: $1"
}

err_lacks() {
    if grep -qF -- "$1" "$err"; then
        fail "standard error contains: $1"
    fi
}

err_empty() {
    [ ! -s "$err" ] || fail 'standard error is not empty'
}

out_empty() {
    [ ! -s "$out" ] || fail 'standard output is not empty'
}

# same EXPECTED ACTUAL: check that two files have the same bytes.
same() {
    cmp "$1" "$2" >&2 || fail "$2 differs from $1"
}

# only_files NAME...: check that the current directory contains exactly these files.
only_files() {
    printf '%s\n' "$@" | sort >"$directory/expected_files"
    # shellcheck disable=SC2012 # names are plain
    ls -A | sort >"$directory/actual_files"
    diff "$directory/expected_files" "$directory/actual_files" >&2 || fail 'unexpected files in the directory'
}

hex() {
    od -An -v -tx1 | tr -d ' \n'
}

# unhex: convert hex digits to bytes, with octal escapes of printf, which are portable.
unhex() {
    awk 'BEGIN {
        digits = "0123456789abcdef"
        for (i = 0; i < 256; i++)
            code[substr(digits, int(i / 16) + 1, 1) substr(digits, i % 16 + 1, 1)] = i
    }
    {
        for (i = 1; i < length($0); i += 2)
            printf "\\0%o", code[tolower(substr($0, i, 2))]
    }' >"$directory/octal"
    printf '%b' "$(cat "$directory/octal")"
}

# poke FILE OFFSET HEX: overwrite bytes of a file.
poke() {
    printf '%s\n' "$3" | unhex | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# peek FILE OFFSET COUNT: print bytes of a file in hex.
peek() {
    dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | hex
}

# flip FILE OFFSET: invert all bits of a byte.
flip() {
    byte=$(peek "$1" "$2" 1)
    poke "$1" "$2" "$(printf '%02x' $((255 - 0x$byte)))"
}

# wait_for COMMAND...: repeat until it succeeds, for at most 20 seconds.
wait_for() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 400 ] || fail "timeout waiting for: $*"
        sleep 0.05
    done
}
