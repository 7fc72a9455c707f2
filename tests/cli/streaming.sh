#!/bin/sh
# Long inputs in bounded memory, and answers that are written before the input ends.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# limited KIB COMMAND...: limit the address space, unless the command can't start with that limit, as
# in builds with a sanitizer.
limited() {
    # shellcheck disable=SC3045 # known to the shells of Debian and the BSDs
    (ulimit -v "$1" && "$indexkv" --version) >"$directory/version" 2>&1 && ulimit -v "$1"
    shift
    exec "$@"
}

pairs=1000000
keys=2000000

# A million shuffled pairs and 2 million keys through pipes; awk computes sums of the expected output.
awk -v n=$pairs 'BEGIN { for (i = 0; i < n; i++) printf "%d\t%d\n", i * 1000003 % n * 2, i % 1000 }' |
    "$indexkv" build --layout="$layout" -q -o store --memory 16M || fail 'build from a pipe'
rm -f "$out"
last='get of 2 million keys'
awk -v n=$keys 'BEGIN { for (i = 0; i < n; i++) print i * 999983 % n }' |
    (limited 600000 "$indexkv" get store --keys - --progress never) |
    awk -F '\t' '{ n++; keys += $1; values += $2; if ($1 % 2) odd++ } END {
        printf "%d %.0f %.0f %d\n", n, keys, values, odd }' >actual
awk -v n=$pairs 'BEGIN { for (i = 0; i < n; i++) { keys += i * 2; values += i % 1000 }
    printf "%d %.0f %.0f %d\n", n, keys, values, 0 }' >expected
same expected actual

last='scan of a million pairs'
"$indexkv" scan store | awk -F '\t' -v n=$pairs '
    $1 != (NR - 1) * 2 { print "line", NR, "has key", $1; exit 1 }
    END { if (NR != n) { print NR, "lines"; exit 1 } }' || fail 'wrong output of scan'

# Large values: batches get smaller, so that memory is bounded.
# large STEP: print 32 pairs with values of 8 MB; keys 0, STEP, 2 * STEP, ... modulo 32.
large() {
    awk -v step="$1" 'BEGIN { for (n = 0; n < 32; n++) { i = n * step % 32; printf "%d\t", i
        line = ""; for (j = 0; j < 1000; j++) line = line sprintf("%07d ", i * 1000 + j)
        for (j = 0; j < 1000; j++) printf "%s", line
        printf "\n" } }'
}
large 1 | "$indexkv" build --layout="$layout" -q -o store || fail 'build of large values'
awk 'BEGIN { for (n = 0; n < 32; n++) print n * 5 % 32 }' >keys
last='get of large values'
(limited 900000 "$indexkv" get store --keys keys) | cksum >actual
large 5 | cksum >expected
same expected actual

# A few large values among many small ones, in the same batches.
awk 'BEGIN { for (i = 0; i < 1000; i++) printf "%d\tv%d\n", i, i
    for (i = 1000; i < 1004; i++) { printf "%d\t", i
        line = sprintf("%0999d ", i); for (j = 0; j < 40000; j++) printf "%s", line
        printf "\n" } }' >pairs # 4 values of 40 MB
build -o store pairs
awk 'BEGIN { for (i = 0; i < 150000; i++) print i % 50000 ? i % 1000 : 1000 + i % 4
    for (i = 1000; i < 1004; i++) print i }' >keys
last='get of a few large values'
(limited 900000 "$indexkv" get store --keys keys) | awk -F '\t' '{ print $1, length($2) }' | cksum >actual
awk '{ print $1, $1 < 1000 ? length($1) + 1 : 40000000 }' keys | cksum >expected
same expected actual
rm pairs

# The writer of the keys gets the answers to all complete batches, even in the middle of another one.
awk 'BEGIN { for (i = 0; i < 5000; i++) printf "%d\t%d\n", i, i * 3 }' >pairs
build -o store pairs
mkfifo keys_fifo answers_fifo
"$indexkv" get store --batch 1000 --keys keys_fifo >answers_fifo 2>"$err" &
child=$!
exec 9<answers_fifo 8>keys_fifo
last='get with an incomplete batch'
answered=0
for sent in 1500 3000 4500; do
    head -n $sent pairs | tail -n 1500 | cut -f 1 >&8
    complete=$((sent / 1000 * 1000))
    head -n $complete pairs | tail -n $((complete - answered)) >expected
    answered=$complete
    while IFS= read -r wanted; do
        IFS= read -r answer <&9 || fail 'no answer'
        [ "$answer" = "$wanted" ] || fail "answered $answer for $wanted"
    done <expected
done
exec 8>&-
head -n 4500 pairs | tail -n 500 >expected
cat <&9 >actual
same expected actual
wait "$child" || fail 'get failed'
exec 9<&-
rm keys_fifo answers_fifo

# Without --batch, all keys are answered when their writer pauses.
mkfifo keys_fifo answers_fifo
"$indexkv" get store --keys keys_fifo >answers_fifo 2>"$err" &
child=$!
exec 9<answers_fifo 8>keys_fifo
last='get from a pipe whose writer pauses'
for sent in 10 5000; do
    tail -n $sent pairs | cut -f 1 >&8
    tail -n $sent pairs >expected
    while IFS= read -r wanted; do
        IFS= read -r answer <&9 || fail 'no answer'
        [ "$answer" = "$wanted" ] || fail "answered $answer for $wanted"
    done <expected
done
exec 8>&-
wait "$child" || fail 'get failed'
exec 9<&-
rm keys_fifo answers_fifo

# With --batch 1, each key is answered before the next one is written.
printf '1\tone\n2\ttwo\n3\tthree\n' >pairs
build -o store pairs
mkfifo keys_fifo answers_fifo
"$indexkv" get store --batch 1 --keys keys_fifo >answers_fifo 2>"$err" &
child=$!
exec 9<answers_fifo 8>keys_fifo
last='get --batch 1'
for key in 3 1 2 1; do
    echo "$key" >&8
    IFS= read -r answer <&9 || fail 'no answer'
    [ "$answer" = "$(grep "^$key	" pairs)" ] || fail "answered $answer for $key"
done
exec 8>&-
wait "$child" || fail 'get failed'
exec 9<&-
