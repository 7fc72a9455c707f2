#!/bin/sh
# Stores with a trailer of version 1 from an earlier build: later versions must still read them, and
# write the same bytes for the same input and store ID. NAME.tsv has the pairs in insertion order.
# u16_2 is the example in FORMAT.md.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

id=000102030405060708090a0b0c0d0e0f
count=0
for pairs in "$tests"/golden/ours/*.tsv; do
    kept=${pairs%.tsv}.ikv
    name_of_pairs=$(basename "$pairs" .tsv)
    type=${name_of_pairs%_*}

    run 0 verify "$kept"
    run 0 scan "$kept" --order storage
    cut -f 2- "$pairs" >values
    cmp -s values "$out" || fail "$kept: wrong values in storage order"
    run 0 scan "$kept"
    sort "$pairs" >expected
    sort "$out" >got
    cmp -s expected got || fail "$kept: wrong pairs"
    cut -f 1 "$pairs" >keys
    run 0 get "$kept" --keys keys
    cmp -s "$pairs" "$out" || fail "$kept: wrong answers of get"

    build --quiet -o again --key-type "$type" --store-id "$id" "$pairs"
    cmp "$kept" again || fail "$kept: a new build differs"
    count=$((count + 1))
done
[ "$count" -ge 20 ] || fail "only $count stores"

# FORMAT.md, section 10: the header, the records, and the size of the file.
example=$tests/golden/ours/u16_2.ikv
[ "$(head -c 46 "$example" | hex)" = "$(printf '%s' 0200 01 0200000000000000 0010000000000000 \
    2baeade7c8 05000000 61 b98be666 09000000 68656c6c6f 84b43b22)" ] || fail 'differs from the example in FORMAT.md'
[ "$(wc -c <"$example")" -eq 4472 ] || fail 'size differs from the example in FORMAT.md'
