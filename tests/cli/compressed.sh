#!/bin/sh
# Input compressed with gzip and zstd, found by its first bytes.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

for program in gzip zstd; do
    command -v $program >"$directory/which" || exit 77
done
printf '1\tone\n' >one
gzip -c one >one.gz
"$indexkv" build -q -o store one.gz 2>"$err" || { grep -q 'built without' "$err" && exit 77; }

awk 'BEGIN { srand(9); for (i = 0; i < 60000; i++) printf "%d\tvalue %d of %f\n", i, i * 7919, rand() }' >pairs
awk 'BEGIN { for (i = 0; i < 50000; i++) print i * 3 % 70001 }' >keys
build -o plain --store-id 0123456789abcdef0123456789abcdef pairs
run 0 get plain --keys keys
cp "$out" answers
for compress in 'gzip -1' 'gzip -9' 'zstd -q -1' 'zstd -q --long=27 -19'; do
    # shellcheck disable=SC2086 # a program and its options
    { $compress -c pairs >compressed; $compress -c keys >compressed_keys; } || fail "$compress"
    # From a file, from standard input, from a pipe in pieces.
    build -o store --store-id 0123456789abcdef0123456789abcdef compressed
    same plain store
    build -o store --store-id 0123456789abcdef0123456789abcdef - <compressed
    same plain store
    { dd bs=1 count=2; sleep 0.05; dd bs=1 count=1; sleep 0.05; cat; } <compressed 2>"$directory/dd" |
        "$indexkv" build --layout="$layout" -q -o store --store-id 0123456789abcdef0123456789abcdef || fail 'build from a pipe'
    same plain store
    run 0 get plain --keys compressed_keys
    same answers "$out"
    # Several members or frames, and several files.
    head -n 30000 pairs >half
    tail -n 30000 pairs >rest
    # shellcheck disable=SC2086
    { $compress -c half && $compress -c rest; } >both
    build -o store --store-id 0123456789abcdef0123456789abcdef both
    same plain store
    # shellcheck disable=SC2086
    $compress -c half >first
    build -o store --store-id 0123456789abcdef0123456789abcdef first rest
    same plain store
    # Bad lines are numbered as in the text.
    sed '40000s/^/x/' pairs >bad
    # shellcheck disable=SC2086
    $compress -c bad >bad.compressed
    run 2 build -o store bad.compressed
    err_has "bad.compressed:40000: expected a key of type u64, got 'x39999'"
    # Cut short, and damaged: an error, and the old store is kept.
    cp plain store
    head -c $(($(wc -c <compressed) - 5)) compressed >short
    run 2 build -o store short
    err_has 'short: the compressed data ends too early'
    same plain store
    head -c $(($(wc -c <compressed_keys) - 5)) compressed_keys >short
    run 2 get plain --keys short
    err_has 'short: the compressed data ends too early'
    cp compressed damaged
    flip damaged 2000
    run 2 build -o store --on-bad-line skip damaged
    err_has 'damaged: damaged '
    same plain store
done
# The end of the gzip padding, and garbage after the data.
gzip -c one >padded
head -c 3000 /dev/zero >>padded
build -o store padded
gzip -c one >garbage
echo garbage >>garbage
run 2 build -o store garbage
err_has 'garbage: damaged gzip data'
# Compressed CSV; an empty file; the beginning of a magic number that is text.
printf '\357\273\277id,name\r\n1,a\r\n' | gzip -c >rows
build -o store -f csv --header -k id rows
run 0 scan store
out_is '1\t1,a\n'
gzip -c /dev/null >empty
build -o store empty
run 0 scan store
out_empty
printf '(\n1\n' >keys
run 0 get plain --keys keys --on-bad-line skip
[ "$(wc -l <"$out")" -eq 1 ] || fail 'the key after it was not read'
# Not for binary input: any bytes can be its beginning. A u32 key of 0x00088b1f, for example.
printf '\037\213\010\000\001\000\000\000v' >binary
build -o store -t u32 -f binary binary
run 0 scan store
out_is '559903\tv\n'
# The decompressor ends when the command stops early.
cat pairs pairs pairs pairs >long
sed '1s/^/x/' long | gzip -1 >bad
run 2 build -o store bad
err_has "bad:1: expected a key of type u64, got 'x0'"
