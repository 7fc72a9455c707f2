#!/bin/sh
# Stores of trailer version 1, kept for ever: later versions must go on reading them, and writing the
# same bytes for the same input and store id. NAME.tsv holds the pairs in the order of writing.
# The content of u16_2 is the example of FORMAT.md.
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
    cmp -s values "$out" || fail "$kept: values in storage order"
    run 0 scan "$kept"
    sort "$pairs" >expected
    sort "$out" >got
    cmp -s expected got || fail "$kept: pairs"
    cut -f 1 "$pairs" >keys
    run 0 get "$kept" --keys keys
    cmp -s "$pairs" "$out" || fail "$kept: get"

    build --quiet -o again --key-type "$type" --store-id "$id" "$pairs"
    cmp "$kept" again || fail "$kept: bytes of a new build"
    count=$((count + 1))
done
[ "$count" -ge 20 ] || fail "only $count stores"

# FORMAT.md, section 10: header and first record, and where things end.
example=$tests/golden/ours/u16_2.ikv
[ "$(head -c 46 "$example" | hex)" = "$(printf '%s' 0200 01 0200000000000000 0010000000000000 \
    2baeade7c8 05000000 61 b98be666 09000000 68656c6c6f 84b43b22)" ] || fail 'the example of FORMAT.md'
[ "$(wc -c <"$example")" -eq 4472 ] || fail 'size of the example of FORMAT.md'
