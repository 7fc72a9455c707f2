#!/bin/sh
# Files that are not stores, or not of the expected type, are rejected without blocking.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

printf '1\tone\n2\ttwo\n' >pairs
build -o store -t u32 pairs
build -o plain -t u32 --plain pairs

# refused STATUS FILE MESSAGE ARGUMENT...: every command that opens stores rejects the file.
refused() {
    wanted_status=$1
    file=$2
    text=$3
    shift 3
    for command in get scan info verify; do
        key=
        [ $command != get ] || key=1
        # shellcheck disable=SC2086
        check "$wanted_status" timeout 20 "$indexkv" $command "$@" -- "$file" $key
        [ $command = verify ] || out_empty
        err_has "$text"
        err_has "$file"
    done
    check "$wanted_status" timeout 20 "$indexkv" verify --json "$@" -- "$file"
    out_has '"sound":false'
}
refused 5 nowhere 'No such file'
refused 5 store/below 'Not a directory'
refused 3 . ''
mkfifo fifo
refused 3 fifo ''
refused 3 /dev/null ''
refused 3 /dev/zero ''
: >empty
refused 3 empty ''
printf 'just some text that is no store at all\n' >text
refused 3 text ''
awk 'BEGIN { for (i = 0; i < 1000; i++) print "more text", i }' >text
refused 3 text ''
if [ "$(id -u)" -ne 0 ]; then
    cp store secret
    chmod 0 secret
    refused 5 secret 'Permission denied'
fi

# The header: u16 version, u8 completed.
cp plain version
poke version 0 0300
refused 3 version ''
cp plain incomplete
poke incomplete 2 00
refused 3 incomplete '' -t u32

# Plain stores do not record their key type.
refused 3 plain '--key-type'
run 0 scan plain -t u32
out_is '1\tone\n2\ttwo\n'
refused 3 store '' -t u64
refused 3 store '' -t i32
refused 3 store '' -t bytes4

# Truncated anywhere: an error, not a crash or a wrong answer.
size=$(($(wc -c <store)))
for keep in 1 2 10 23 24 25 60 4096 $((size - 1)); do
    head -c "$keep" store >shortened
    timeout 20 "$indexkv" verify shortened >"$out" 2>"$err"
    status=$?
    last="verify of the first $keep bytes"
    case $status in 3 | 4) ;; *) fail "exit status $status" ;; esac
    timeout 20 "$indexkv" get shortened 1 >"$out" 2>"$err"
    status=$?
    case $status in 3 | 4) ;; *) fail "get: exit status $status" ;; esac
    out_empty
done
