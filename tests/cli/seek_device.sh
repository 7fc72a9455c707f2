#!/bin/sh
# indexkv seek on a block device, without permission, and on a full file system: tests that need
# root to set up.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

[ "$(id -u)" -eq 0 ] || exit 77
did=0
loop=
clean_up() {
    [ -z "$loop" ] || losetup -d "$loop"
    umount "$directory/work/small" 2>/dev/null
    rm -rf "$directory"
}
trap clean_up EXIT

# as_nobody COMMAND...
as_nobody() {
    setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}

head -c 4194304 /dev/urandom >image
cksum image >before

# A loop device is measured like any other, and not written to.
if loop=$(losetup --find --show image 2>/dev/null) && [ -b "$loop" ]; then
    did=1
    direct=
    "$indexkv" seek "$loop" --test distance -n 2 >/dev/null 2>&1 || direct=--cached
    # shellcheck disable=SC2086 # none or one word
    run 0 seek "$loop" $direct -n 50 --repeat 1 --json report.json
    err_empty
    grep -q '"size":4194304' report.json || fail 'the size of the device is wrong'
    if as_nobody true 2>/dev/null && as_nobody test -x "$indexkv"; then
        check 5 as_nobody "$indexkv" seek "$loop"
        err_has "$loop: Permission denied (reading a device needs root, or membership in its group)"
    fi
    losetup -d "$loop"
    loop=
    cksum image | diff before - >&2 || fail 'the device was changed'
else
    loop=
fi

# No space for a test file.
mkdir small
if mount -t tmpfs -o size=1M none small 2>/dev/null; then
    did=1
    run 5 seek small --cached --file-size 4M
    err_has 'small: no space for a test file of 4 MiB, 1 MiB available (--file-size): No space left on device'
    [ -z "$(ls -A small)" ] || fail 'a test file is left'
    run 0 seek small --cached --file-size 1M -n 4 --test distance
fi
[ "$did" -eq 1 ] || exit 77
