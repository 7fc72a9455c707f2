#!/bin/sh
# Sharded tables: every command gives what it gives for one store of the same pairs, whose results
# the other scripts check.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

printf '1\ta\n' | "$indexkv" build --quiet -o probe --shards 1 2>/dev/null || {
    echo 'built without jansson' >&2
    exit 77
}

# both STATUS COMMAND ARGUMENT...: the command with "STORE" in its arguments gives the same output
# and status for the table as for the store. Messages differ in the name only.
both() {
    wanted=$1
    shift
    for store in one table; do
        command=
        for argument; do
            [ "$argument" = STORE ] && argument=$store
            command="$command '$argument'"
        done
        eval "run $wanted $command"
        cp "$out" "$store.out"
        sed "s/$store/STORE/g" "$err" >"$store.err"
    done
    same one.out table.out
    same one.err table.err
}

# pairs TYPE: lines for a build, in no order. keys TYPE: of these and others, in no order.
numbers() {
    awk -v first="$1" -v step="$2" -v count="$3" \
        'BEGIN { for (i = 0; i < count; i++) print first + (i * 7 % count) * step }'
}
make_input() {
    case $1 in
        u16) numbers 3 60 1000 >n; numbers 0 29 2200 >keys ;;
        i64) numbers -50000 97 1000 >n; numbers -50100 61 1700 >keys ;;
        u128) numbers 5 1000 1000 | sed 's/$/00000000000000000000/' >n
            numbers 0 700 1500 | sed 's/$/00000000000000000000/' >keys ;;
        bytes4) numbers 10 9 1000 | awk '{ printf "%08x\n", $1 * 4007 }' >n
            numbers 0 7 1400 | awk '{ printf "%08x\n", $1 * 4007 }' >keys ;;
    esac
    awk '{ printf "%s\tvalue%d", $1, NR % 41; for (i = NR % 41; i > 0; i--) printf "."; print "" }' \
        n >pairs.tsv
}

for type in u16 i64 u128 bytes4; do
    make_input $type
    for shards in 1 3 16; do
        build -o one -t $type pairs.tsv
        build -o table -t $type --shards $shards pairs.tsv
        [ "$(find table -name '*.ikv' | wc -l)" -eq $shards ] || fail "not $shards shards"
        both 0 scan STORE
        both 0 get STORE --keys keys
        [ $shards = 3 ] || continue
        both 0 get STORE --keys keys --missing empty --batch 7
        both 1 get STORE --keys keys --missing error --quiet
        both 0 get STORE --keys keys -m floor
        both 0 get STORE --keys keys -m ceiling --threads 1
        both 0 get STORE --keys keys -m floor --missing empty --backend pread
        for format in jsonl raw binary; do
            both 0 get STORE --keys keys -f $format
            both 0 scan STORE -f $format
        done
        both 0 scan STORE -n 500
        both 0 scan STORE -n 0
        from=$(sed -n 30p keys) to=$(sed -n 60p keys)
        both 0 scan STORE --from "$from"
        both 0 scan STORE --to "$to" -n 400
        both 0 scan STORE --from "$to" --to "$from"
        both 0 sample STORE -n 300
        both 0 sample STORE -n 1000 --unique
        both 2 sample STORE -n 1001 --unique
        both 0 export STORE
        both 0 export STORE --select keys --quiet
        run 0 diff one table
        run 0 verify table
        out_has 'table: sound, 3 shards'
        run 0 diff table one
        out_empty
    done
done

# A few keys; a key that no shard can have.
both 0 get STORE "$(sed -n 1p n)" "$(sed -n 999p n)" "$(sed -n 500p n)"
both 1 get STORE 00000000 "$(sed -n 2p n)"

# In storage order shard after shard: all values, in key order.
run 0 scan one
cut -f 2 "$out" >values
run 0 scan table --order storage
same values "$out"

# Ranges.
awk 'BEGIN { for (i = 0; i < 900; i++) printf "%d\t%d\trange%d\n", i * 100, i * 100 + 10 + i % 80, i }' >ranges.tsv
numbers 0 37 2500 >keys
build -o one -t u32 --ranges ranges.tsv
build -o table -t u32 --ranges --shards 7 ranges.tsv
for match in range floor ceiling exact; do both 0 get STORE --keys keys -m $match; done
both 0 get STORE --keys keys --missing empty
both 0 scan STORE
both 0 export STORE --select keys --quiet
run 0 diff one table
run 0 info table --json
out_has '"has_ranges":true'

# Tables from stores, stores from tables, tables from tables: the same pairs, the same bytes.
id=000102030405060708090a0b0c0d0e0f
run 0 export one -f store -o table2 --shards 7 --quiet
run 0 diff one table2
run 0 export table2 -f store -o again --store-id $id --quiet
run 0 export one -f store -o once --store-id $id --quiet
same once again
build -o delta -t u32 --ranges --shards 2 - <<EOF
40	45	new
99990	99999	last
EOF
run 0 merge table delta -o merged --store-id $id --shards 4 --on-duplicate last --on-overlap innermost
err_has 'pairs, 0 dropped, 4 shards, '
run 0 merge one delta -o merged1 --store-id $id --on-duplicate last --on-overlap innermost --quiet
run 0 diff merged merged1
run 0 merge merged -o merged --shards 2 --quiet
run 0 diff merged merged1
[ "$(find merged -name '*.ikv' | wc -l)" -eq 2 ] || fail 'shards of the table before were left'

# --and-then with tables on both sides.
build -o one -t u16 - <<EOF
1	one
3	three
EOF
build -o table -t u16 --shards 2 - <<EOF
2	two
9	nine
EOF
run 0 get one --and-then table 9 1 2 3
out_is '9\tnine\n1\tone\n2\ttwo\n3\tthree\n'
run 1 get table --and-then one 9 1 2 4
out_is '9\tnine\n1\tone\n2\ttwo\n'
err_has "key '4' not found"

# The same id gives the same files; the table in place stays whole until the new one is.
make_input u16
build -o table -t u16 --shards 2 --store-id $id pairs.tsv
cp -r table first
build -o other -t u16 --shards 2 --store-id $id pairs.tsv
diff -r first other >&2 || fail 'the same id, other files'
cat pairs.tsv pairs.tsv >twice
run 2 build -o table -t u16 --shards 3 --store-id $id twice
err_has 'duplicate key'
diff -r first table >&2 || fail 'a failed build changed the table'
build -o table -t u16 --shards 3 --store-id $id -d first twice
run 0 verify table
out_has 'table: sound, 3 shards'
run 0 scan table
sort -n pairs.tsv >sorted
same sorted "$out"

# No pairs: no shards. More shards than pairs.
build -o table -t u16 --shards 5 - </dev/null
both_empty() { run "$@" && out_empty; }
both_empty 0 scan table
both_empty 1 get table 7
run 0 verify table
out_has 'table: sound, 0 shards'
run 0 merge table -o empty --quiet
run 0 scan empty
out_empty
run 3 scan table -t u32
err_has 'the table has keys of type u16, not u32'
build -o table -t u16 --shards 5 - <<EOF
7	x
8	y
EOF
run 0 scan table
out_is '7\tx\n8\ty\n'
run 0 info table
out_has 'shards              2'

# What can't be a table, or take one.
run 2 build -o table --plain --shards 2 pairs.tsv
err_has "--shards can't be used with --plain"
run 2 build -o one --shards 2 pairs.tsv
err_has 'one: not a directory'
mkdir home
echo text >home/letter
run 2 build -o home --shards 2 pairs.tsv
err_has 'home: a directory with other files'
run 3 scan home
err_has 'home: a directory, but not a sharded table: it has no manifest.json'
run 3 bench table
err_has 'table: a directory: bench takes one store, or one shard of a table'
run 5 build -o none/table --shards 2 pairs.tsv
[ ! -e none ] || fail 'a directory was made'
run 2 build -o gone --shards 2 twice
[ ! -e gone ] || fail 'a failed build left its directory'

# More shards than descriptors.
build -o table -t u16 --shards 100 pairs.tsv
(
    # shellcheck disable=SC3045 # dash and bash have -S
    ulimit -Sn 40 || exit 0
    run 0 scan table
    same sorted "$out"
) || exit 1
