#!/bin/sh
# diff: compared with what comm and join find in the same lines.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN { for (i = 0; i < 9000; i++) printf "%05d\tvalue %d\n", i * 3, i }' >old.tsv
awk 'BEGIN { for (i = 0; i < 9000; i++) printf "%05d\tvalue %s\n", i % 10 == 1 ? i * 3 + 1 : i * 3, i % 7 == 0 ? "x" i : i }' >new.tsv
build -o old old.tsv
build -o new new.tsv
join -t "$(printf '\t')" -a 1 -a 2 -e '(none)' -o 0,1.2,2.2 old.tsv new.tsv |
    awk -F '\t' '$2 != $3 { kind = $2 == "(none)" ? "added" : $3 == "(none)" ? "removed" : "changed"
        print kind "\t" $1 + 0 }' >expected
for kind in added removed changed; do
    grep -q "^$kind" expected || fail "the test has no $kind key"
done

run 1 diff old new
same expected "$out"
err_has "$(grep -c added expected) added, $(grep -c removed expected) removed, $(grep -c changed expected) changed, "
run 0 diff old old
out_empty
err_has '0 added, 0 removed, 0 changed, 9000 the same'
run 1 diff old new --quiet
err_empty
run 1 diff old new --brief
out_empty
err_empty
run 0 diff old old --brief

# Other layouts and plain stores have the same pairs.
"$indexkv" export old -f store --layout clustered -o leaves -q
"$indexkv" export old -f plain -o plain -q
run 0 diff old leaves
run 0 diff plain leaves -t u64
run 3 diff plain leaves
err_has '--key-type'

# Values, and formats.
printf '1\ta\n2\tb\n3\tc\n' >pairs
build -o a -t u32 pairs
printf '2\tb\n3\tC\n4\t\n' >pairs
build -o b -t u32 pairs
run 1 diff a b --values
out_is 'removed\t1\ta\t\nchanged\t3\tc\tC\nadded\t4\t\t\n'
run 1 diff a b -f jsonl
out_is '{"change":"removed","key":"1"}\n{"change":"changed","key":"3"}\n{"change":"added","key":"4"}\n'
run 1 diff a b -f jsonl --values --key-syntax hex
out_is '{"change":"removed","key":"0x00000001","old":"a","new":null}\n{"change":"changed","key":"0x00000003","old":"c","new":"C"}\n{"change":"added","key":"0x00000004","old":null,"new":""}\n'
printf '' >pairs
build -o empty -t u32 pairs
run 1 diff a empty
out_is 'removed\t1\nremoved\t2\nremoved\t3\n'
run 0 diff empty empty

# Trouble.
run 3 diff a old
err_has 'u32'
run 2 diff a
err_has 'expected two stores, got 1'
run 5 diff a missing
err_has 'missing'
cp b broken
flip broken 28
run 4 diff b broken
