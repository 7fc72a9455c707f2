#!/bin/sh
# Commands that write the same sharded table at the same time: the second is refused, and the table
# is whole whatever happens to the first.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

printf '1\ta\n' | "$indexkv" build --quiet -o probe --shards 1 2>/dev/null || {
    echo 'built without jansson' >&2
    exit 77
}
awk 'BEGIN { for (i = 0; i < 500; i++) printf "%d\told %d\n", i, i }' >old.tsv
sed 's/old/new/' old.tsv >new.tsv
build -o store -t u32 new.tsv
build -o table -t u32 --shards 3 old.tsv
[ ! -e table/.ikv-lock ] || fail 'a lock was left'

# A build that waits for its input. It has the lock when the pairs are on their way.
mkfifo input
"$indexkv" build --quiet -o table -t u32 --shards 3 input &
first=$!
trap 'kill -9 $first 2>/dev/null; rm -rf "$directory"' EXIT
exec 3>input
writes() { find table -name '*.tmp' | grep -q .; }
wait_for writes
for command in 'build -o table -t u32 --shards 2 new.tsv' 'merge store -o table --shards 2' \
    'export store -f store -o table --shards 2' 'replicate table copies' 'replicate table table --remove'; do
    mkdir -p copies
    # shellcheck disable=SC2086 # a command line
    run 5 $command
    err_has 'table: another command is writing this table'
    [ -z "$(ls -A copies)" ] || fail 'a shard was copied'
done
run 0 scan table
same old.tsv "$out"
[ -e table/.ikv-lock ] || fail 'the lock is gone'

# The build is killed: what it left locks nothing.
kill -9 $first
wait $first 2>/dev/null
exec 3>&-
run 0 scan table
same old.tsv "$out"
build -o table -t u32 --shards 2 new.tsv
run 0 scan table
same new.tsv "$out"
[ ! -e table/.ikv-lock ] || fail 'a lock was left'

# The first 8 bytes of the id are in the names of shards. A build with another id that has them, too,
# uses no name that the table lists, also if its first shard is elsewhere: nothing is lost when it
# can't write one of its shards.
id=0011223344556677
build -o table -t u32 --shards 4 --store-id ${id}0000000000000001 old.tsv
run 0 replicate table copies --quiet
run 0 replicate table table --remove --shard 0 --shard 2 --quiet
rm copies/shard-$id-00001.ikv
mkdir table/shard-$id-00002.ikv
build -o table -t u32 --shards 4 --store-id ${id}0000000000000002 new.tsv
run 0 scan table
same new.tsv "$out"
run 0 verify table

# A table that others can't read stays so, with its copies.
build -o private -t u32 --shards 2 --mode 0600 old.tsv
mkdir more
run 0 replicate private more --quiet
[ -z "$(find private more -type f ! -perm 600)" ] || fail 'permissions were added'
