#!/bin/sh
# Plain v2 stores: the command writes exactly the specified bytes, and reads files made by hand.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

printf '258\ttwo\n1\tone\n' >pairs

# Header (version 2, completed, 2 pairs, index at 38), two records in input order, the index.
build -o store --plain -t u32 pairs
expected=$(printf '%s' \
    0200 01 0200000000000000 2600000000000000 0000000000 \
    03000000 74776f 03000000 6f6e65 \
    01000000 1f00000000000000 00000000 02010000 1800000000000000 00000000)
[ "$(hex <store)" = "$expected" ] || fail 'bytes of a plain u32 store'
run 0 scan store -t u32
out_is '1\tone\n258\ttwo\n'
run 0 scan store -t u32 --order storage
out_is 'two\none\n'
run 1 get store --key-type u32 258 2 1
out_is '258\ttwo\n1\tone\n'
run 0 get store -t u32 --match floor 257
out_is '257\t1\tone\n'
run 0 verify store -t u32
out_has 'plain store'

# Signed keys are in numeric order.
build -o store --plain -t i8 - <<END
-1	minus
1	plus
END
run 0 scan store -t i8
out_is '-1\tminus\n1\tplus\n'
expected=$(printf '%s' ff 1800000000000000 00000000000000 01 2100000000000000 00000000000000)
[ "$(tail -c 32 store | hex)" = "$expected" ] || fail 'index of a plain i8 store'

# Strides.
build -o bytes --plain -t bytes5 - <<END
0000000001	a
ff00000000	b
END
expected=$(printf '%s' 0000000001 1800000000000000 000000 ff00000000 1d00000000000000 000000)
[ "$(tail -c 32 bytes | hex)" = "$expected" ] || fail 'index of a plain bytes5 store'
for type in u128 i128; do
    build -o wide --plain -t $type pairs
    [ $(($(wc -c <wide))) -eq $((24 + 14 + 2 * 32)) ] || fail 'the default stride is not 32'
    build -o narrow --plain --stride 24 -t $type pairs
    [ $(($(wc -c <narrow))) -eq $((24 + 14 + 2 * 24)) ] || fail 'stride 24'
    for store in wide narrow; do
        run 0 scan $store -t $type
        out_is '1\tone\n258\ttwo\n'
        run 0 verify $store -t $type
    done
    run 0 scan wide -t $type --stride 32
    out_is '1\tone\n258\ttwo\n'
    run 0 get narrow -t $type --stride 24 258
    out_is '258\ttwo\n'
    run 0 info narrow -t $type --json
    out_has '"stride":24'
done

# A file made by hand, as the crate writes them: with garbage in the padding and after the index.
printf '%s' \
    0200 01 0200000000000000 2600000000000000 deadbeefaa \
    03000000 74776f 03000000 6f6e65 \
    01000000 1f00000000000000 deadbeef 02010000 1800000000000000 cafebabe \
    ffffffffffffff | unhex >hand
run 0 scan hand -t u32
out_is '1\tone\n258\ttwo\n'
run 0 scan hand -t u32 --order storage
out_is 'two\none\n'
run 0 get hand -t u32 1 258
out_is '1\tone\n258\ttwo\n'
run 0 info hand -t u32 --json
out_has '"has_trailer":false'
out_has '"pair_count":2'
out_has '"index_start":38'
# A position outside of the file, and a record that is longer than the file.
cp hand store
poke store 42 ffffff7f
last='get from a plain store with an invalid position'
"$indexkv" get store -t u32 1 258 >"$out" 2>"$err"
[ $? -eq 4 ] || fail 'expected exit status 4'
run 4 verify store -t u32
cp hand store
poke store 31 ffffff7f
"$indexkv" get store -t u32 1 258 >"$out" 2>"$err"
[ $? -eq 4 ] || fail 'expected exit status 4'
out_is '258\ttwo\n'

# Empty stores.
build -o store --plain </dev/null
[ "$(hex <store)" = 020001000000000000000018000000000000000000000000 ] || fail 'an empty plain store'
run 0 scan store -t u64
out_empty
run 1 get store -t u64 1

# Plain stores and stores with a trailer have the same contents.
awk 'BEGIN { srand(2); for (i = 0; i < 20000; i++)
    printf "%d\t%s\n", i * 7 % 20000 - 10000, substr("abcdefghijklmnopqrst", 1, int(rand() * 20)) }' >pairs
build -o native -t i64 pairs
build -o plain -t i64 --plain pairs
sort -n pairs >expected
cut -f 2 pairs >storage
for store in 'native' 'plain -t i64'; do
    # shellcheck disable=SC2086
    run 0 scan $store
    same expected "$out"
    # shellcheck disable=SC2086
    run 0 scan $store --order storage
    same storage "$out"
done
