#!/bin/sh
# Stores with a trailer of version 1 from an earlier build: later versions must still read them, and
# write the same bytes for the same input and store ID. NAME.tsv has the pairs in insertion order.
# u16_2 is the example in FORMAT.md, for both layouts.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

id=000102030405060708090a0b0c0d0e0f
count=0

# check_kept STORE PAIRS BUILD_OPTION...
check_kept() {
    kept=$1
    pairs=$2
    shift 2
    type=$(basename "$kept")
    type=${type%%_*}

    run 0 verify "$kept"
    run 0 scan "$kept"
    sort "$pairs" >expected
    sort "$out" >got
    cmp -s expected got || fail "$kept: wrong pairs"
    cut -f 1 "$pairs" >keys
    run 0 get "$kept" --keys keys
    cmp -s "$pairs" "$out" || fail "$kept: wrong answers of get"

    build --quiet -o again --key-type "$type" --store-id "$id" "$@" "$pairs"
    cmp "$kept" again || fail "$kept: a new build differs"
    count=$((count + 1))
}

for pairs in "$tests"/golden/ours/*.tsv; do
    kept=${pairs%.tsv}.ikv
    run 0 scan "$kept" --order storage
    cut -f 2- "$pairs" >values
    cmp -s values "$out" || fail "$kept: wrong values in storage order"
    check_kept "$kept" "$pairs"
done
[ "$count" -ge 20 ] || fail "only $count stores"

# Clustered stores, mostly of the same pairs.
count=0
for kept in "$tests"/golden/clustered/*.ikv; do
    # PAIRS[_LEAF_SIZE][_filterBITS][_no_index].ikv; see golden/make-clustered.
    name_of_pairs=$(basename "${kept%.ikv}")
    index=
    case $name_of_pairs in *_no_index) index=--no-v2-index ;; esac
    name_of_pairs=${name_of_pairs%_no_index}
    filter=
    case $name_of_pairs in *_filter*) filter="--filter ${name_of_pairs##*_filter}" ;; esac
    name_of_pairs=${name_of_pairs%_filter*}
    leaf=4K
    case $name_of_pairs in *_*K) leaf=${name_of_pairs##*_} name_of_pairs=${name_of_pairs%_*} ;; esac
    pairs=$tests/golden/clustered/$name_of_pairs.tsv
    [ -e "$pairs" ] || pairs=$tests/golden/ours/$name_of_pairs.tsv
    # shellcheck disable=SC2086 # these are several words, or none
    check_kept "$kept" "$pairs" --layout clustered --leaf-size "$leaf" $filter $index
done
[ "$count" -ge 42 ] || fail "only $count clustered stores"

# Stores of ranges: NAME.tsv has first keys, last keys and values; NAME.nested.tsv ranges that contain
# one another, of which those in NAME.tsv remain.
count=0
for ranges in "$tests"/golden/ranges/*.tsv; do
    case $ranges in *.nested.tsv) continue ;; esac
    name_of_ranges=$(basename "$ranges" .tsv)
    given=$tests/golden/ranges/$name_of_ranges.nested.tsv
    [ -e "$given" ] || given=$ranges
    for other in arrival clustered; do
        kept=$tests/golden/ranges/${name_of_ranges}_$other.ikv
        run 0 verify "$kept"
        run 0 scan "$kept"
        same "$ranges" "$out"
        build --quiet -o again --key-type "${name_of_ranges%%_*}" --store-id "$id" --layout "$other" --ranges \
            --on-overlap innermost "$given"
        cmp "$kept" again || fail "$kept: a new build differs"
        for column in 1 2; do
            cut -f $column "$ranges" >keys
            run 0 get "$kept" --keys keys
            paste keys "$ranges" | cmp -s - "$out" || fail "$kept: wrong answers of get"
        done
        count=$((count + 1))
    done
done
[ "$count" -ge 12 ] || fail "only $count stores of ranges"

# FORMAT.md, section 14: the records, and the flags.
example=$tests/golden/ranges/u16_2_arrival.ikv
[ "$(head -c 50 "$example" | tail -c 26 | hex)" = "$(printf '%s' 07000000 61 0900 998c7a20 0b000000 68656c6c6f \
    2c01 35e712d8)" ] || fail 'differs from the example of ranges in FORMAT.md'
[ "$(peek "$example" 4128 4)" = 01020300 ] || fail 'differs from the flags in FORMAT.md'

# FORMAT.md, section 10: the header, the records, and the size of the file.
example=$tests/golden/ours/u16_2.ikv
[ "$(head -c 46 "$example" | hex)" = "$(printf '%s' 0200 01 0200000000000000 0010000000000000 \
    2baeade7c8 05000000 61 b98be666 09000000 68656c6c6f 84b43b22)" ] || fail 'differs from the example in FORMAT.md'
[ "$(wc -c <"$example")" -eq 4472 ] || fail 'size differs from the example in FORMAT.md'

# Section 13: the directory of the leaf, that of the larger example, and the size.
example=$tests/golden/clustered/u16_2.ikv
[ "$(head -c 4096 "$example" | tail -c 24 | hex)" = "$(printf '%s' 01001800 02012100 0200 0000 2e00 0000 \
    872a0aa2228ffdc0)" ] || fail 'differs from the clustered example in FORMAT.md'
[ "$(wc -c <"$example")" -eq 4488 ] || fail 'size differs from the clustered example in FORMAT.md'
example=$tests/golden/clustered/u16_3.ikv
[ "$(head -c 12288 "$example" | tail -c 36 | hex)" = "$(printf '%s' 1800000000000000 01001800 02000080 \
    02012100 0300 0100 2e00 0000 1001947e0f35515a)" ] || fail 'differs from the example with a record outside'

# The same with a filter: the segment, its cells, and the size.
example=$tests/golden/clustered/u16_3_4K_filter8.ikv
[ "$(head -c 12568 "$example" | tail -c 56 | hex)" = "$(printf '%s' 0000000000000000 0000000000000000 \
    391a0510f420d59b 2af894fe72f36e3c 04000000 01000000 08000000 00000000 00c8000000bd6f00)" ] ||
    fail 'differs from the example of a filter in FORMAT.md'
[ "$(wc -c <"$example")" -eq 12856 ] || fail 'size differs from the example of a filter in FORMAT.md'
