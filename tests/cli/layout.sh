#!/bin/sh
# The two layouts: the same answers from the same input, whatever the leaf size, and the options of
# build that choose them.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# Values of all sizes: most of them short, some that fit into large leaves only, some into none.
awk 'BEGIN { srand(11); for (i = 0; i < 20000; i++) {
    size = int(rand() * 60)
    if (i % 500 == 7) size = 3000 + int(rand() * 9000)
    if (i % 4000 == 9) size = 40000 + int(rand() * 100000)
    value = sprintf("%d:", i)
    while (length(value) < size) value = value "abcdefghijklmnopqrstuvwxyz0123456789"
    printf "%d\t%s\n", i * 7919 % 60007 * 3, substr(value, 1, size) } }' >pairs
# Half of these keys are present.
awk 'BEGIN { srand(12); for (i = 0; i < 6000; i++) print int(rand() * 20002) * 9 + int(rand() * 2) }' >keys
sort -n pairs >sorted
id=000102030405060708090a0b0c0d0e0f

# compare BUILD_OPTION...: a clustered store answers as `arrival` does.
compare() {
    build -o clustered --layout clustered --store-id $id "$@" pairs
    run 0 scan clustered
    same sorted "$out"
    run 0 scan clustered --from 30000 --to 90000
    same range "$out"
    for match in exact floor ceiling; do
        for more in '' '--batch 100 --no-map' '--index-memory 1' '--backend mmap'; do
            # shellcheck disable=SC2086 # several words
            run 0 get clustered --keys keys --missing empty --match $match $more
            same "$match" "$out"
        done
    done
    run 0 scan clustered --order storage -f raw
    same values "$out"
    run 0 verify clustered
    err_empty
}

build -o arrival --layout arrival --store-id $id pairs
run 0 scan arrival
same sorted "$out"
run 0 scan arrival --from 30000 --to 90000
cp "$out" range
for match in exact floor ceiling; do
    run 0 get arrival --keys keys --missing empty --match $match
    cp "$out" $match
done
awk -F '\t' 'NR == FNR { value[$1] = $2; next } { print $1 "\t" value[$1] }' pairs keys >expected
same expected exact
cut -f 2 sorted | tr -d '\n' >values
run 0 verify arrival

compare
cp clustered chosen
check 0 "$indexkv" build -q -o default --store-id $id pairs
same chosen default
for size in 4K 8192 16k 32K; do
    compare --leaf-size $size
done
compare --leaf-size 4K --no-v2-index
[ $(($(wc -c <clustered))) -lt $(($(wc -c <chosen) - 16 * 19000)) ] || fail 'the v2 index was not omitted'
# In little memory, and from input that is in order.
compare --memory 8M
same chosen clustered
build -o clustered --layout clustered --store-id $id sorted
same chosen clustered

# Keys of other types, and single pairs.
for type in u8 i16 u128 bytes16; do
    printf '%032x\tfirst\n%032x\tsecond\n' 1 2 >two
    [ $type = bytes16 ] || printf '1\tfirst\n2\tsecond\n' >two
    for size in 4K 32K; do
        build -o two.store -t $type --layout clustered --leaf-size $size two
        run 0 scan two.store
        same two "$out"
        run 0 verify two.store
    done
done
build -o empty --layout clustered --no-v2-index - </dev/null
run 0 scan empty
out_empty
run 1 get empty 1
run 0 verify empty

# Options.
run 2 build -o new --layout sorted pairs
err_has "--layout: expected one of arrival|clustered, got 'sorted'"
run 2 build -o new --plain --layout clustered pairs
err_has "--layout clustered can't be used with --plain"
run 2 build -o new --layout arrival --leaf-size 4K pairs
err_has '--leaf-size requires --layout clustered'
for option in '--leaf-size 4K' '--filter 8' --no-v2-index; do
    # shellcheck disable=SC2086 # an option and its argument
    run 2 build -o new --plain $option pairs
    err_has "${option% *} can't be used with --plain"
done
run 2 build -o new --layout arrival --no-v2-index pairs
err_has '--no-v2-index requires --layout clustered'
for size in '' 0 1 2K 4095 5000 64K 4M x; do
    run 2 build -o new --layout clustered --leaf-size "$size" pairs
    err_has "--leaf-size: expected 4K, 8K, 16K or 32K, got '$size'"
done
[ ! -e new ] || fail 'a store was written'
build -o new --plain --layout arrival pairs

run 2 build -o other --layout arrival --filter 8 pairs
err_has '--filter requires --layout clustered'
run 2 build -o other --layout clustered --filter 9 pairs
err_has "--filter: expected 8 or 16, got '9'"

# A filter of absent keys answers nearly all of them without a read.
awk 'BEGIN { for (i = 0; i < 20000; i++) printf "%d\t%d\n", 10 * i, i }' >tens
awk 'BEGIN { for (i = 0; i < 1000; i++) print 200 * i + 5 }' >absent
build -o filtered --layout clustered --filter 8 --store-id $id tens
run 0 verify filtered
run 0 get filtered --keys absent --missing skip --backend pread --stats
[ ! -s "$out" ] || fail 'an absent key was found'
answered=$(awk '$1 == "filter_answered" { print $2 }' "$err")
[ "$answered" -gt 950 ] || fail "the filter answered $answered of 1000 keys"
run 0 info filtered --json
out_has '"filter_memory":2'

build -o new --layout clustered --no-v2-index pairs
run 2 get new --probe entry 0
err_has "--probe entry: new has no v2 index"

# info, verify and the statistics name leaves. A pair takes 100 bytes of a leaf, which has 4080 of
# them (the first one 4056): 40 pairs a leaf.
awk 'BEGIN { for (i = 0; i < 4000; i++) printf "%d\t%082d\n", 2 * i, i }' >pairs
build -o store --layout clustered --leaf-size 4K pairs
run 0 info store
for line in 'layout +clustered' 'leaves +100' 'leaf size +4096 \(4\.0 KiB\)' 'v2 index +yes' \
    'fences in memory +100' 'index bytes per key +[0-9]+\.[0-9]+' 'index size +64000 .*'; do
    grep -Eqx "$line" "$out" || fail "no line: $line"
done
! grep -q 'index page' "$out" || fail 'a clustered store has no index pages'
run 0 info store --json
for member in '"layout":"clustered"' '"leaves":100' '"leaf_size":4096' '"has_v2_index":true' \
    '"fences":100' '"index_size":64000'; do
    out_has "$member"
done
if command -v jq >"$directory/which"; then
    check 0 jq -e '(.index_memory_per_key - .index_memory / .pair_count | fabs) < 0.000001 and
        (has("index_pages") or has("page_size") | not) and .in_key_order' "$out"
fi
run 0 info store --index-memory 80
grep -Eqx 'fences in memory +10' "$out" || fail 'expected the fence of every tenth leaf'
grep -Eqx 'index bytes per key 0\.020' "$out" || fail 'expected 80 bytes for 4000 keys'
build -o without --layout clustered --no-v2-index --leaf-size 8K pairs
run 0 info without
grep -Eqx 'v2 index +no' "$out" || fail 'a v2 index'
! grep -Eq '^(index start|index size|stride) ' "$out" || fail 'parts of a v2 index'
run 0 info without --json
out_has '"has_v2_index":false'
out_has '"leaf_size":8192'
run 0 info arrival
grep -Eqx 'layout +arrival' "$out" || fail 'layout of an arrival store'
! grep -Eq '^(leaves|leaf size|v2 index) ' "$out" || fail 'leaves of an arrival store'

run 0 verify store
out_has 'store: sound; checked 4000 records, 100 leaves, '
run 0 verify store --json
out_has '"leaves":100'
run 0 verify arrival
out_has ' index pages, '
run 0 verify arrival --json
out_has '"pages":'

# stats LEAVES RECORDS ARGUMENT...: a lookup reads this many leaves.
stats() {
    leaves=$1
    records=$2
    shift 2
    run 0 get store --backend pread --missing empty --stats --keys key "$@"
    for line in "leaf_reads +$leaves" "leaf_bytes +$((leaves * 4096))" "records +$records" \
        'record_reads +0'; do
        grep -Eqx "$line" "$err" || fail "no line: $line"
    done
    ! grep -q '^index_' "$err" || fail 'the statistics name an index'
}
for key in 0 1234 7998; do
    echo $key >key
    for match in exact floor ceiling; do
        stats 1 1 --match $match
    done
done
# Absent: in a leaf, between two leaves, after the last key.
echo 1235 >key
stats 1 0
stats 1 1 --match floor
stats 1 1 --match ceiling
echo 1279 >key
stats 1 0
stats 1 1 --match floor
stats 2 1 --match ceiling
echo 8000 >key
stats 1 0
stats 1 1 --match floor
stats 1 0 --match ceiling
run 0 scan store --stats
grep -Eqx 'leaf_bytes +409600' "$err" || fail 'a scan reads each leaf once'
# Through the mapping, a leaf and the record in it are accessed once.
printf '0\n2000\n4001\n' >three
run 0 get store --backend mmap --keys three --stats
grep -Eqx 'mapped +3' "$err" || fail 'expected 3 accesses to the mapping'
run 0 get store --backend mmap --stats 2000
grep -Eqx 'mapped +1' "$err" || fail 'expected 1 access to the mapping'

# Damage is described as that of a leaf, and affects no key in other leaves.
cp store damaged
poke damaged $((2 * 4096 - 16)) ffff
run 4 get damaged 78 80 158 160
out_is "78\t$(printf '%082d' 39)\n160\t$(printf '%082d' 80)\n"
err_has 'damaged: wrong leaf checksum: '
err_has "key '158': its leaf or record is corrupt"
run 4 scan damaged
err_has 'leaf checksum'
run 4 verify damaged
out_has '100 leaves'
