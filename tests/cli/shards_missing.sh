#!/bin/sh
# Sharded tables that are not whole: a shard that is missing, damaged, or of another build; a
# damaged manifest.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

printf '1\ta\n' | "$indexkv" build --quiet -o probe --shards 1 2>/dev/null || {
    echo 'built without jansson' >&2
    exit 77
}

id=00112233445566778899aabbccddeeff
awk 'BEGIN { for (i = 0; i < 1000; i++) printf "%d\tvalue of %d\n", i * 10, i * 10 }' >pairs.tsv
awk 'BEGIN { for (i = 0; i < 3000; i++) print i * 7919 % 3000 * 4 }' >keys
build -o table -t u32 --shards 4 --store-id $id pairs.tsv
build -o other -t u32 --shards 4 pairs.tsv
cp -r table whole
shard=table/shard-0011223344556677-00002.ikv # keys 5000 to 7490
run 0 get table -k keys
cp "$out" all
run 0 scan table

# Missing: nothing is answered by default, and the message names it.
rm $shard
for command in 'scan table' 'get table 1' 'get table -k keys' 'info table' 'diff whole table' \
    'export table' 'merge table -o merged' 'sample table -n 1' 'get whole --and-then table 1'; do
    # shellcheck disable=SC2086 # several words
    run 5 $command
    err_has "table: shard 2 of 4: $shard"
    out_empty
done
[ ! -e merged ] || fail 'a store was made of a table that is not whole'
run 5 verify table
err_has "$shard"
out_has 'shard-0011223344556677-00003.ikv: sound'
out_has 'table: not sound, 4 shards'
run 5 verify table --json
out_has '"sound":false'

# Reported: the rest is answered.
awk -F '\t' '$1 < 5000 || $1 > 7490' all >rest
run 5 get table -k keys --missing-shards report
same rest "$out"
err_has "table: shard 2 of 4: $shard"
err_has 'table: 1 of 4 shards are missing, with 250 of 1000 pairs'
err_has "table: $(awk '$1 >= 5000 && $1 <= 7490' keys | wc -l) keys not looked up"
run 5 get table --missing-shards report 20 5000 4990 7500 5001
out_is '20\tvalue of 20\n4990\tvalue of 4990\n7500\tvalue of 7500\n'
err_has "$shard: key '5000': its shard is missing"
err_has "$shard: key '5001': its shard is missing"
# The floor of 7499 is in the missing shard, that of 7500 is not; keys between 4990 and 5000 have
# their ceiling in it.
run 5 get table --missing-shards report -m floor 4999 7499 7500
out_is '4999\t4990\tvalue of 4990\n7500\t7500\tvalue of 7500\n'
run 5 get table --missing-shards report -m ceiling 4990 4991 7491
out_is '4990\t4990\tvalue of 4990\n7491\t7500\tvalue of 7500\n'
run 5 scan table --missing-shards report
awk -F '\t' '$1 < 5000 || $1 > 7490' pairs.tsv >rest
same rest "$out"
run 5 info table --missing-shards report
out_has 'missing shards      1'
out_has "$shard, missing"
run 5 get other --and-then table --missing-shards report 10 3 5001
out_is '10\tvalue of 10\n'
err_has ': 1 key not looked up'

# Of another build; a store of another key type; no store.
cp other/*-00002.ikv $shard
run 5 scan table
err_has "$shard: not shard 2 of 4 of table, but of another build: its store id differs"
run 5 verify table
err_has 'of another build: its store id differs'
cp whole/shard-0011223344556677-00001.ikv $shard
run 5 scan table
err_has 'of another build'
run 5 get table -k keys --missing-shards report
err_has 'of another build'
echo 'some text' >$shard
run 3 scan table
err_has "table: shard 2 of 4: $shard"

# A damaged value: its key alone has no answer, and the message names the shard.
cp whole/shard-0011223344556677-00002.ikv $shard
offset=$(grep -abo 'value of 6000' $shard | head -n 1 | cut -d : -f 1)
flip $shard $((offset + 2))
run 4 verify table
err_has "$shard"
run 4 get table 20 6000 9990
out_is '20\tvalue of 20\n9990\tvalue of 9990\n'
err_has "$shard"
run 4 scan table
err_has "$shard"

# The manifest.
cp whole/shard-0011223344556677-00002.ikv $shard
run 0 verify table
sed -i 's/"pairs": 1000/"pairs": 1001/' table/manifest.json
for command in 'scan table' 'get table 1' 'info table' 'verify table'; do
    # shellcheck disable=SC2086
    run 4 $command
    err_has 'table/manifest.json: the checksum at the end is missing or wrong'
done
# A build replaces it; what its shards were is not known.
build -o table -t u32 --shards 2 pairs.tsv
run 0 verify table
rm table/manifest.json
run 3 scan table
err_has 'table: a directory, but not a sharded table: it has no manifest.json'
