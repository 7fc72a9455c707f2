#!/bin/sh
# No byte of a store comes from memory that was not written: under different contents of fresh and
# freed memory (MALLOC_PERTURB_, glibc) the same input gives the same file.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

id=000102030405060708090a0b0c0d0e0f
awk 'BEGIN { for (i = 0; i < 3000; i++) printf "%d\t%s\n", i * 7919 % 100003, substr("value of some length, not always the same", 1, i % 40) }' >pairs
awk 'BEGIN { for (i = 0; i < 9000; i++) long = long "x"; for (i = 0; i < 40; i++) printf "%d\t%s\n", 200000 + i, substr(long, 1, 9000 - i * 200) }' >>pairs

for layout in '--layout arrival' '--layout clustered' '--layout clustered --filter 8 --no-v2-index' \
    '--layout clustered --leaf-size 32K' '--plain'; do
    given="--store-id $id"
    [ "$layout" = --plain ] && given=
    for perturb in 0 1 85 170 255; do
        # shellcheck disable=SC2086
        MALLOC_PERTURB_=$perturb "$indexkv" build --quiet --key-type u32 $layout $given \
            -o "store.$perturb" pairs || fail "build $layout under MALLOC_PERTURB_=$perturb"
        same store.0 "store.$perturb"
    done
done
