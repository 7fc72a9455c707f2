#!/bin/sh
# get with every backend, with and without the page cache: the answers are the same, and the
# statistics show the requested backend.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN {
    for (i = 0; i < 20000; i++) {
        value = ""
        for (n = i % 7; n > 0; n--)
            value = value "value of " i " "
        printf "%d\t%s\n", (i * 7919) % 1000003, value
    }
}' >pairs
build --quiet -o store pairs
awk -F '\t' '{ print $1; print $1 + 1 }' pairs >keys
awk -F '\t' 'NR == FNR { value[$1] = $2; next } $1 in value { print $1 "\t" value[$1] }' \
    pairs keys >expected

for backend in auto pread uring mmap; do
    for direct in '' --direct --no-map '--preload index' '--preload all'; do
        # shellcheck disable=SC2086 # $direct is words
        "$indexkv" get store --keys keys --quiet --stats --backend "$backend" $direct >got 2>stats
        status=$?
        if [ "$status" -ne 0 ]; then
            # Kernels, containers and file systems may not support it; the message must say so.
            case "$backend $direct" in
                'mmap --direct' | 'mmap --no-map' | pread*--preload* | uring*--preload*)
                    grep -q 'open options: .*\(mapping\|mmap\)' stats || fail "$backend $direct: $(head -n 1 stats)"
                    continue
                    ;;
                'pread ' | 'auto ' | 'mmap ') fail "$backend refused" ;;
            esac
            grep -q 'store: .*\(io_uring\|O_DIRECT\)' stats ||
                fail "$backend $direct: $(head -n 1 stats)"
            continue
        fi
        cmp -s expected got || fail "$backend $direct: wrong answers"
        named=$backend
        [ "$backend" != auto ] || named='\(uring\|pread\|mmap\)'
        grep -q "backend.*$named" stats || fail "$backend $direct: the statistics show another backend"
    done
done

run 2 get store --backend fast 1
err_has '--backend'
