#!/bin/sh
# indexkv-mpi build --resume: only with the options and input of the build that was interrupted; and
# ranks that don't see the same input.
#   resume.sh INDEXKV INDEXKV_MPI MPIEXEC [OPTION...]     the number of ranks follows the last option
. "$(dirname "$0")/../cli/common.sh"

indexkv_mpi=$2
shift 2
launch="$*"

mpi() {
    wanted=$1
    shift
    # shellcheck disable=SC2086 # a command line
    check "$wanted" timeout 120 $launch 2 "$@" </dev/null
}

# Two ranks have the same key, which they learn after they agreed on the shards: the build ends, and
# could be resumed. A comment is a bad line, in case it is none.
awk 'BEGIN { print "#1,2\t3"; for (i = 0; i < 400; i++) print i % 397 "\ta\\tb" }' >pairs.tsv
printf 'note' >note
printf 'memo' >memo
build_table() {
    wanted=$1
    shift
    mpi "$wanted" "$indexkv_mpi" build -q -o table --shards 3 --comment '#' --metadata-file note \
        pairs.tsv "$@"
}
build_table 2
err_has 'was added twice'
[ -e table/.ikv-building ] || fail 'no build to resume'
build_table 2 --resume
err_has 'was added twice'
while read -r change; do
    # shellcheck disable=SC2086 # a command line
    build_table 5 --resume $change
    err_has 'table: the build to resume had other options or another input'
done <<END
--escape
--on-bad-line skip
--metadata-file memo
END
[ -e table/.ikv-building ] || fail 'no build to resume'
touch -t 200101010000 pairs.tsv
build_table 5 --resume
err_has 'another input'

# A build of another command in this directory takes the place of the one that was interrupted: with
# the same id its shards have the names and ids that a build that resumes looks for.
id=00112233445566778899aabbccddeeff
build_table 2 --store-id $id
[ -e table/shard-0011223344556677-00001.ikv ] || [ -e table/.ikv-building ] || fail 'nothing is left'
awk 'BEGIN { for (i = 0; i < 397; i++) print i "\tonly" }' >only.tsv
mkfifo slow
"$indexkv" build -q -o table -t u64 --shards 3 --store-id $id slow &
other=$!
exec 3>slow
wait_for sh -c 'find table -name "*.tmp" | grep -q .'
[ ! -e table/.ikv-building ] || fail 'the journal is still there'
kill -9 $other
wait $other 2>/dev/null
exec 3>&-
build_table 5 --resume
err_has 'there is no build to resume'
check 0 "$indexkv" build -q -o table --shards 3 --store-id $id only.tsv
check 0 "$indexkv" scan table
sort -n only.tsv | cmp - "$out" || fail 'another table'
rm -r table

# Each rank has its own pairs.tsv.
mkdir 0 1
sed 1d pairs.tsv | head -n 397 >0/pairs.tsv
sed 1d pairs.tsv | head -n 300 >1/pairs.tsv
# shellcheck disable=SC2016 # for the shell of the rank
mpi 5 sh -c 'cd "${OMPI_COMM_WORLD_RANK:-${PMI_RANK:?}}" && exec "$@"' sh \
    "$indexkv_mpi" build -q -o "$PWD/other" pairs.tsv
err_has 'pairs.tsv: its size or time is not the same for all ranks'
[ ! -e other ] || fail 'a directory was made'
