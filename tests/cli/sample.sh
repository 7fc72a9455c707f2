#!/bin/sh
# sample: keys of the store, as often as chance has it, and the same for the same seed.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN { for (i = 0; i < 1000; i++) printf "%d\tv%d\n", i * i + 5, i }' >pairs
build -o store pairs
cut -f 1 pairs | sort >all

run 0 sample store -n 20000 --seed 3
cp "$out" sample
[ "$(wc -l <sample)" -eq 20000 ] || fail 'wrong number of keys'
sort -u sample >distinct
comm -23 distinct all >foreign
[ ! -s foreign ] || fail 'keys that the store does not have'
# 20 expected of each key: the number of times is between 3 and 45 but for a chance of 1e-4.
sort sample | uniq -c | awk '$1 < 3 || $1 > 45 { print; bad = 1 } END { exit bad || NR != 1000 }' >&2 ||
    fail 'keys are not drawn with the same probability'
# In random order: about half of the neighbours ascend.
awk 'NR > 1 && $1 > last { up++ } { last = $1 } END { exit !(up > 9500 && up < 10500) }' sample ||
    fail 'the keys are not in random order'
run 0 sample store -n 20000 --seed 3
same sample "$out"
run 0 sample store -n 20000 --seed 4
cmp -s sample "$out" && fail 'another seed gave the same keys'

# Without replacement.
run 0 sample store -n 1000 --unique
sort "$out" >drawn
same all drawn
cmp -s "$out" all && fail 'the keys are in order'
run 0 sample store -n 300 -u
[ "$(sort -u "$out" | wc -l)" -eq 300 ] || fail 'a key was drawn twice'
run 2 sample store -n 1001 -u
err_has 'expected at most 1000 with --unique'

# The same keys from every kind of store; binary is what get reads.
run 0 sample store -n 500 --unique
cp "$out" sample
"$indexkv" build --quiet -o plain --plain pairs
run 0 sample plain -t u64 -n 500 --unique
same sample "$out"
"$indexkv" build --quiet -o leaves --layout clustered --no-v2-index pairs
run 0 sample leaves -n 500 --unique
same sample "$out"
run 0 get store --keys sample --missing error
cp "$out" found
run 0 sample store -n 500 --unique --keys-format binary
cp "$out" binary
[ "$(wc -c <binary)" -eq 4000 ] || fail 'wrong size of binary keys'
run 0 get store --keys binary --keys-format binary
same found "$out"

run 0 sample store -n 0
out_empty
run 2 sample store
err_has 'expected -n N'
printf '' >none
build -o empty none
run 2 sample empty -n 1
err_has 'has no keys'
run 0 sample empty -n 0
