#!/bin/sh
# replicate: copies of shards in other directories take the place of shards that are lost.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

printf '1\ta\n' | "$indexkv" build --quiet -o probe --shards 1 2>/dev/null || {
    echo 'built without jansson' >&2
    exit 77
}

id=00112233445566778899aabbccddeeff
name=shard-0011223344556677-0000
awk 'BEGIN { for (i = 0; i < 1000; i++) printf "%d\tvalue of %d\n", i * 10, i * 10 }' >pairs.tsv
build -o table -t u32 --shards 4 --store-id $id pairs.tsv
cp -r table original
mkdir second third

run 0 replicate table second
err_has 'table: 4 shards copied, '
for i in 0 1 2 3; do same table/$name$i.ikv second/$name$i.ikv; done
run 0 info table
out_has 'table/shard-0011223344556677-00002.ikv, 1 of 2 places'
run 0 replicate table second
err_has 'table: 0 shards copied, 0 bytes'
run 0 replicate table third --shard 1 -n 3 --first --quiet
err_empty
[ "$(ls third)" = "$(printf '%s\n' ${name}1.ikv ${name}3.ikv)" ] || fail 'other shards were copied'
run 0 info table
out_has 'third/shard-0011223344556677-00001.ikv, 1 of 3 places'
run 0 verify table
[ "$(grep -c ': sound; ' "$out")" -eq 10 ] || fail 'not every copy was verified'

# A shard is lost, others are damaged or of another build: the table is whole.
rm table/${name}0.ikv
printf 'x' >third/${name}1.ikv
cp table/${name}2.ikv third/${name}3.ikv
run 0 scan table
same pairs.tsv "$out"
run 0 get table 10 2600 5000 9990
run 5 verify table
err_has "third/${name}3.ikv: not shard 3 of 4"
err_has "third/${name}1.ikv"

# Copies are removed from the manifest, then from the directory.
run 0 replicate table third --remove
err_has 'table: 2 shards removed'
[ -z "$(ls third)" ] || fail 'files of removed copies were left'
run 0 info table
out_has "second/${name}0.ikv, 1 of 2 places"
run 0 replicate table third --remove --quiet

# Moving: the copies in the directory of the table are removed.
run 0 replicate table table --remove
[ "$(ls table)" = manifest.json ] || fail 'shards were left'
run 0 scan table
same pairs.tsv "$out"
run 2 replicate table second --remove
err_has 'shard 0 of 4 has no other place'
[ "$(find second -name '*.ikv' | wc -l)" -eq 4 ] || fail 'the last copies were removed'
mv table elsewhere
run 0 scan elsewhere
same pairs.tsv "$out"

# A shard that is damaged is not copied; what was copied before is listed.
build -o table -t u32 --shards 4 --store-id $id pairs.tsv
offset=$(grep -abo 'value of 6000' table/${name}2.ikv | head -n 1 | cut -d : -f 1)
flip table/${name}2.ikv $((offset + 2))
run 4 replicate table third
[ "$(ls -A third)" = "$(printf '%s\n' ${name}0.ikv ${name}1.ikv)" ] || fail 'other files than two copies'
run 0 info table
out_has "${name}1.ikv, 1 of 2 places"
rm table/${name}2.ikv
run 5 replicate table third
err_has 'table: shard 2 of 4: '

run 2 replicate table third --shard 4
err_has '--shard: table has 4 shards, counted from 0'
run 5 replicate table nowhere
run 2 replicate http://127.0.0.1:1/table third
err_has 'TABLE and DIR are directories, not URLs'
run 2 replicate table https://127.0.0.1:1/third
err_has 'TABLE and DIR are directories, not URLs'
run 2 replicate table
run 3 replicate third second
err_has 'not a sharded table'
