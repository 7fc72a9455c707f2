#!/bin/sh
# export: as text as scan and get write it, as the stores that build writes.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

id=000102030405060708090a0b0c0d0e0f
awk 'BEGIN { for (i = 0; i < 5000; i++) printf "%d\tv%d\n", i * 37 % 5000 * 3, i }' >pairs
sort -n pairs >sorted
awk 'BEGIN { for (i = 0; i < 4000; i++) print i * 17 % 4000 * 5 }' >keys
awk -F '\t' 'FILENAME == "pairs" { value[$1] = $2; next } $1 in value { print $1 "\t" value[$1] }' pairs keys >selected
build -o store --store-id $id pairs

for format in tsv jsonl raw binary; do
    "$indexkv" scan store -f $format >scanned
    run 0 export store -f $format
    same scanned "$out"
    run 0 export store -f $format -o file
    out_empty
    same scanned file
done
run 0 export store
same sorted "$out"
run 0 export store --select keys
same selected "$out"
last='export --select -'
"$indexkv" export store --select - -o file <keys || fail 'reading keys from standard input'
same selected file

# Stores: the same bytes as a build of these pairs in key order.
sort -n selected >selected_sorted
for other in arrival clustered; do
    "$indexkv" build --quiet -o direct --store-id $id --layout $other sorted
    run 0 export store -f store -o copy --layout $other --store-id $id
    err_has 'copy: 5000 pairs, 0 dropped, '
    same direct copy
    "$indexkv" build --quiet -o direct --store-id $id --layout $other selected_sorted
    run 0 export store -f store -o copy --layout $other --store-id $id --select keys --quiet
    err_empty
    same direct copy
done
"$indexkv" build --quiet -o direct --plain sorted
run 0 export store -f plain -o copy -q
same direct copy
run 0 export copy -t u64 -f store -o again -q --layout clustered --no-v2-index --leaf-size 8K
run 0 verify again
run 0 export again
same sorted "$out"

# Errors.
run 2 export store -f store
err_has 'expected -o STORE'
run 2 export store --layout clustered
err_has '--layout requires --output-format store'
run 2 export store --keys-format binary
err_has '--keys-format requires --select'
run 2 export store -f csv
err_has '--output-format'
printf '3\nx\n' >bad
run 2 export store --select bad
err_has 'bad:2: '
cp copy before
run 2 export store -f plain -o copy --select bad
err_has 'bad:2: '
same before copy
run 2 export
err_has 'expected a STORE'
run 5 export store -o no/such/file
err_has 'no/such/file'
flip store 29
run 4 export store -f store -o copy
same before copy
run 4 export store
