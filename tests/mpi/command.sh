#!/bin/sh
# indexkv-mpi build and get, with several numbers of ranks: the results of one store.
#   command.sh INDEXKV INDEXKV_MPI MPIEXEC [OPTION...]     the number of ranks follows the last option
. "$(dirname "$0")/../cli/common.sh"

indexkv_mpi=$2
shift 2
launch="$*"

# mpi RANKS STATUS ARGUMENT...: run the command under test.
mpi() {
    ranks=$1
    wanted=$2
    shift 2
    # shellcheck disable=SC2086 # a command line
    check "$wanted" timeout 120 $launch "$ranks" "$indexkv_mpi" "$@"
}

awk 'BEGIN {
    for (i = 0; i < 3000; i++) {
        x = (x * 1103515245 + 12345) % 2147483648
        printf "%.0f\tvalue %d of %s\n", x * 7 + i, i, substr("abcdefghijklmnopqrstuvwxyz", 1, i % 27)
    }
}' | sort -u -k 1,1 >pairs.tsv
awk -F '\t' '{ print $1 "," $2 }' pairs.tsv >pairs.csv
{ echo 'id,text'; cat pairs.csv; } >header.csv
awk -F '\t' '{ print "{\"key\":" $1 ",\"value\":\"" $2 "\"}" }' pairs.tsv >pairs.jsonl
awk '{ printf "%s\r\n", $0 }' pairs.tsv >crlf.tsv
gzip -k pairs.tsv
compressed=.gz
if ! "$indexkv" build -q -o with_zlib pairs.tsv.gz 2>"$err"; then
    grep -q 'built without' "$err" || fail 'build from compressed pairs'
    compressed=
fi
head -n 1000 pairs.tsv >part1.tsv
tail -n +1001 pairs.tsv >part2.tsv
build -o one pairs.tsv
check 0 "$indexkv" scan one
cp "$out" expected_pairs
check 0 "$indexkv" scan -f binary one
cp "$out" pairs.bin

# same_table RANKS OPTION...: build a table from other forms of the pairs.
same_table() {
    ranks=$1
    shift
    rm -rf table
    mpi "$ranks" 0 build -q -o table "$@"
    check 0 "$indexkv" verify table
    check 0 "$indexkv" scan table
    same expected_pairs "$out"
}

same_table 1 pairs.tsv
same_table 2 crlf.tsv
same_table 3 part1.tsv part2.tsv
same_table 8 pairs.tsv --shards 3
same_table 2 pairs.tsv$compressed
same_table 3 -f csv -v 2 pairs.csv
same_table 5 -f csv -v 2 --row-per-line pairs.csv --layout clustered
same_table 7 -f csv -k id -v text --header --row-per-line header.csv
same_table 4 -f jsonl pairs.jsonl
same_table 2 -f binary pairs.bin
same_table 3 pairs.tsv --shards 5

# Pairs of one size.
awk -F '\t' '{ print $1 "\t" sprintf("%08d", NR) }' pairs.tsv >eight.tsv
build -o eight eight.tsv
check 0 "$indexkv" scan -f binary eight
cp "$out" eight.bin
check 0 "$indexkv" scan eight
cp "$out" expected_eight
rm -rf table8
mpi 3 0 build -q -o table8 -f binary --value-size 8 eight.bin
check 0 "$indexkv" scan table8
same expected_eight "$out"
mpi 3 2 build -q -o table8 -f binary --value-size 7 eight.bin
err_has 'expected a value of 7 bytes, got one of 8'
mpi 3 2 build -q -o table8 --value-size 7 eight.tsv
err_has '--value-size requires --input-format binary'
check 0 "$indexkv" scan table8
same expected_eight "$out"

# A row of two lines is refused, not read as two rows.
printf '1,one\n2,"two\nlines"\n3,three\n' >lines.csv
mpi 2 2 build -q -o bad -f csv --row-per-line lines.csv
err_has 'expected a row of one line'
mpi 2 0 build -q -o lines -f csv -v 2 lines.csv

# An error names its line, whichever rank reads it, and no table is made.
awk 'NR == 2500 { print "x\ty" } { print }' pairs.tsv >bad.tsv
for ranks in 1 4; do
    mpi "$ranks" 2 build -q -o bad bad.tsv
    err_has "bad.tsv:2500: expected a key of type u64, got 'x'"
    [ ! -e bad/manifest.json ] || fail 'a table was published'
done
mpi 4 0 build -o skipped --on-bad-line skip --progress always bad.tsv
err_has '1 bad lines skipped'
grep -q '^indexkv-mpi: read: .* pairs, .* 100 %' "$err" || fail 'no progress'
err_has 'indexkv-mpi: exchange: '
check 0 "$indexkv" scan skipped
same expected_pairs "$out"

# The first and the last one of all input.
sed 's/\t.*/\tother/' pairs.tsv >other.tsv
for policy in first last; do
    build -o policy -d "$policy" pairs.tsv other.tsv
    rm -rf table_policy
    mpi 3 0 build -q -o table_policy -d "$policy" pairs.tsv other.tsv
    check 0 "$indexkv" scan policy
    cp "$out" expected_policy
    check 0 "$indexkv" scan table_policy
    same expected_policy "$out"
done
mpi 3 2 build -q -o table_policy pairs.tsv other.tsv
err_has 'duplicate'

# Keys, some of which are missing, in another order.
awk -F '\t' 'NR % 3 { print $1 } NR % 7 == 0 { printf "%.0f\n", $1 + 1 } NR % 500 == 0 { print "" }' pairs.tsv |
    awk '{ print NR % 97 "\t" $0 }' | sort -s -n -k 1,1 | cut -f 2 | grep . >keys
for match in exact floor ceiling; do
    for missing in skip empty; do
        check 0 "$indexkv" get one -k keys -m "$match" --missing "$missing"
        cp "$out" expected
        mpi 3 0 get table -k keys -m "$match" --missing "$missing" -o answers
        same expected answers
    done
done
[ ! -e answers.incomplete ] || fail 'a temporary file remains'
check 0 "$indexkv" get one -k keys
cp "$out" expected
for ranks in 1 8; do
    mpi "$ranks" 0 get table -k keys
    same expected "$out"
done
mpi 3 0 get table -k keys --memory 1M --stats
same expected "$out"
err_has 'imbalance'
mpi 3 0 get table -k - <keys
same expected "$out"
gzip -k keys
mpi 2 0 get table -k keys$compressed
same expected "$out"
# Parts of a job with more ranks are not left among those of this one.
mkdir parts
echo stale >parts/part-00004
echo mine >parts/part-note
mpi 4 0 get table -k keys --parts -o parts
[ ! -e parts/part-00004 ] || fail 'a stale part'
rm parts/part-note
cat parts/part-* >joined
same expected joined
for format in jsonl raw binary; do
    check 0 "$indexkv" get one -k keys -f "$format"
    cp "$out" expected
    mpi 3 0 get table -k keys -f "$format" -o answers
    same expected answers
done

# More shards than a process may have open at first.
check 0 "$indexkv" build -q --shards 100 -o many pairs.tsv
check 0 "$indexkv" get one -k keys
cp "$out" expected
# shellcheck disable=SC3045 # the shells that are /bin/sh have -S
(ulimit -S -n 100 && "$indexkv_mpi" get many -k keys) >many_answers 2>"$err" || fail 'descriptors'
same expected many_answers

# Fewer keys than ranks, none, and skipped lines that keep their places.
head -n 3 keys >few
check 0 "$indexkv" get one -k few
cp "$out" expected
mpi 8 0 get table -k few
same expected "$out"
: >none
mpi 3 0 get table -k none -o answers
[ ! -s answers ] || fail 'answers to no keys'
awk '{ print } NR % 400 == 1 { print "bad" NR }' keys >bad_keys
check 0 "$indexkv" get one -k bad_keys --on-bad-line skip --missing empty
cp "$out" expected
mpi 3 0 get table -k bad_keys --on-bad-line skip --missing empty
same expected "$out"
mpi 3 2 get table -k bad_keys -o answers2
err_has "bad_keys:2: expected a key of type u64, got 'bad1'"
[ ! -e answers2 ] || fail 'answers in spite of an error'
cp keys expected
mpi 3 2 get table -k keys -o keys
err_has "keys: --output can't be an input file"
same expected keys
mpi 2 1 get table -k keys --missing error -o answers
err_has 'not found'

# A shard that is lost is named; without it the others are looked up.
# shellcheck disable=SC2012 # names are plain
shard=$(ls table | sed -n 2p)
rm "table/$shard"
mpi 3 5 get table -k keys
err_has "$shard"
mpi 3 5 get table -k keys --missing-shards report
err_has '1 of 5 shards are missing'

# Ranges.
printf '10\t19\ta\n20\t29\tb\n40\t49\tc\n' >ranges.tsv
mpi 3 0 build -q -o ranges --ranges ranges.tsv -m 32M
printf '15\n25\n35\n45\n' >few
mpi 2 0 get ranges -k few
out_is '15\t10\t19\ta\n25\t20\t29\tb\n45\t40\t49\tc\n'

# Placement by a host file.
echo "$(uname -n) 2.5 # this one" >hosts
mpi 2 0 build -q -o hosted pairs.tsv --hosts hosts
echo 'elsewhere 1' >hosts
mpi 2 2 build -q -o hosted2 pairs.tsv --hosts hosts
err_has 'no rank runs on a host with capacity'
mpi 2 2 get hosted -k few --hosts hosts
echo 'one two' >hosts
mpi 2 2 get hosted -k few --hosts hosts
err_has 'hosts: line 1: expected a host and its capacity'

# Usage.
mpi 2 0 --help
out_has 'indexkv-mpi COMMAND'
mpi 2 0 build --help
out_has 'row-per-line'
mpi 2 2 get table
err_has 'expected --keys FILE'
mpi 2 2 frobnicate
err_has "unknown command 'frobnicate'"
