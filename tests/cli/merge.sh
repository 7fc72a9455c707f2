#!/bin/sh
# merge: the daily update of a table, compared with what awk and sort make of the same lines.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

id=000102030405060708090a0b0c0d0e0f
awk 'BEGIN { srand(14); for (i = 0; i < 20000; i++) printf "%d\tbase%d\n", i * 3, i }' >base.tsv
awk 'BEGIN { srand(15); for (i = 0; i < 3000; i++) printf "%d\tdelta%d\n", i * 7, i }' >delta.tsv
awk 'BEGIN { for (i = 0; i < 6364; i++) print i * 5 % 6364 * 11 }' >removed
build -o base base.tsv
build -o delta delta.tsv

# expected FIRST SECOND: pairs of the files, FIRST's where both have the key; in key order.
expected() {
    awk -F '\t' '!($1 in seen) { seen[$1]; print }' "$1" "$2" | sort -n
}
without_removed() {
    awk -F '\t' 'NR == FNR { gone[$1]; next } !($1 in gone)' removed -
}

run 2 merge base delta -o merged
err_has 'duplicate key'
err_has '; see --on-duplicate'
[ ! -e merged ] || fail 'a failed merge left a store'
expected base.tsv delta.tsv >first
run 0 merge base delta -o merged --on-duplicate first
err_has " $(wc -l <first) pairs, $((23000 - $(wc -l <first))) dropped, "
run 0 scan merged
same first "$out"
expected delta.tsv base.tsv >last
for other in arrival clustered; do
    run 0 merge base delta -o merged -d last --quiet --layout "$other" --store-id $id
    err_empty
    run 0 scan merged
    same last "$out"
    run 0 verify merged
    # The same bytes as a build of the pairs in key order.
    "$indexkv" build --quiet -o direct --layout "$other" --store-id $id last
    same direct merged
done
run 0 merge base delta -o merged -d last --quiet --plain
"$indexkv" build --quiet -o direct --plain last
same direct merged

# A list of keys to delete, as text and binary, from a file and standard input; in place.
without_removed <last >kept
run 0 merge merged -o merged --delete removed -t u64
err_has ' deleted, '
run 0 scan merged
same kept "$out"
last='merge --delete -'
"$indexkv" merge base delta -o merged -d last --quiet --delete - <removed || fail 'reading a list from standard input'
run 0 scan merged
same kept "$out"
awk '{ printf "%016x\n", $1 }' removed | sed -E 's/(..)(..)(..)(..)(..)(..)(..)(..)/\8\7\6\5\4\3\2\1/' | unhex >removed.bin
run 0 merge base delta -o merged -d last --delete removed.bin --keys-format binary
run 0 scan merged
same kept "$out"
printf '1\nx\n' >bad
cp merged before
run 2 merge base delta -o merged -d last --delete bad
err_has "bad:2: expected a key of type u64, got 'x'"
same before merged

# Damage, other key types, plain inputs, wrong usage.
build -o narrow -t u32 delta.tsv
run 3 merge base narrow -o merged
err_has 'narrow'
"$indexkv" build --quiet -o plain --plain delta.tsv
run 3 merge base plain -o merged -d last
err_has '--key-type'
run 0 merge base plain -o merged -d last --key-type u64
run 0 scan merged
same last "$out"
cp delta broken
flip broken 30
cp merged before
run 4 merge base broken -o merged -d last
err_has 'broken'
same before merged
run 2 merge -o merged
err_has 'expected an INPUT store'
run 2 merge base
err_has 'expected -o STORE'
run 2 merge base -o merged --keys-format binary
err_has '--keys-format requires --delete'
run 2 merge base -o merged --memory 8M
err_has '--memory'
run 5 merge base missing -o merged
err_has 'missing'
