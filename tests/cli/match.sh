#!/bin/sh
# floor and ceiling, compared with a table computed by awk, and at both ends of the key range.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN { srand(3); key = 1000; for (i = 0; i < 20000; i++) { key += 1 + int(rand() * 50)
    printf "%d\tr%d\n", key, i } }' >ranges
awk 'BEGIN { srand(4); for (i = 0; i < 50000; i++) print int(rand() * 540000) }' >keys
build -o store -t u32 ranges

# A binary search for each key.
awk -F '\t' -v OFS='\t' '
    NR == FNR { key[NR] = $1; value[NR] = $2; n = NR; next }
    {
        low = 0; high = n + 1            # key[low] <= k < key[high]
        while (high - low > 1) { m = int((low + high) / 2); if (key[m] <= $1) low = m; else high = m }
        if (low > 0) print $1, key[low], value[low] >"floor"
        else print $1, "", "" >"no_floor"
        c = low > 0 && key[low] == $1 ? low : high
        if (c <= n) print $1, key[c], value[c] >"ceiling"
        if (low > 0 && key[low] == $1) print $1, value[low] >"exact"
    }' ranges keys
for case in floor no_floor ceiling exact; do
    [ -s $case ] || fail "the expected results have no case of $case"
done
for match in floor ceiling; do
    for batch in 65536 1000 17; do
        run 0 get store --keys keys --match "$match" --batch "$batch"
        same "$match" "$out"
    done
done
run 0 get store --keys keys
same exact "$out"
run 0 get store --keys keys --match floor --missing empty
awk -F '\t' '$2 == ""' "$out" >missing
same no_floor missing
[ "$(wc -l <"$out")" -eq 50000 ] || fail 'expected a line for each key'
run 0 get store --keys keys --match floor --index-memory 1
same floor "$out"

# The ends of the key range.
printf '5\tfive\n9\tnine\n' >pairs
build -o store -t u8 pairs
run 0 get store --match floor 5 8 9 255
out_is '5\t5\tfive\n8\t5\tfive\n9\t9\tnine\n255\t9\tnine\n'
run 0 get store --match ceiling 0 5 6 9
out_is '0\t5\tfive\n5\t5\tfive\n6\t9\tnine\n9\t9\tnine\n'
run 1 get store --match floor 4 6
out_is '6\t5\tfive\n'
err_has "key '4' not found"
run 1 get store --match ceiling 10
err_has "key '10' not found"
printf -- '-128\tleast\n-1\tminus\n127\tgreatest\n' >pairs
build -o store -t i8 pairs
run 0 get store --match floor -- -127 -1 0 126 127
out_is '-127\t-128\tleast\n-1\t-1\tminus\n0\t-1\tminus\n126\t-1\tminus\n127\t127\tgreatest\n'
run 0 get store --match ceiling -- -128 -127 0
out_is '-128\t-128\tleast\n-127\t-1\tminus\n0\t127\tgreatest\n'
