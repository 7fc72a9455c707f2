#!/bin/sh
# indexkv seek: the requested rows, in every report format; the target is not written to, and the
# test file is removed.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

command -v jq >/dev/null || exit 77
head -c 2097152 /dev/urandom >file
cksum file >before
direct=
"$indexkv" seek file --test distance -n 2 >/dev/null 2>&1 || direct=--cached
uring=pread
"$indexkv" seek file $direct --backend uring --depth 1 -n 2 >/dev/null 2>&1 && uring=pread,uring

# seek ARGUMENT...: limited by counts, to be fast.
seek() {
    # shellcheck disable=SC2086 # none or one word
    run 0 seek file $direct --count 40 --repeat 2 --warm-up 0 "$@"
    err_empty
}
# has FILTER: report.json satisfies the jq filter.
has() {
    jq -e "$1" report.json >/dev/null || fail "report.json: false: $1"
}

# All combinations, once each, in order.
seek --depth 1,2..4 --block 4K,16K --threads 1,2 --backend "$uring" --json report.json --csv report.csv
if [ "$uring" = pread ]; then rows=4; else rows=16; fi
has '.schema == "indexkv-report" and .schema_version == 1 and .command == "seek" and .complete'
has "[.series[].name] == [\"random\", \"distance\", \"order\", \"probes\"]"
has ".series[0].rows | length == $rows"
has '[.series[0].rows[].parameters] | length == (unique | length)'
has 'all(.series[0].rows[]; .parameters.block == 4096 or .parameters.block == 16384)'
has 'all(.series[0].rows[]; .parameters.backend != "pread" or .parameters.depth == 1)'
# 20 reads in each of two repetitions; the main metric is the median of its samples; the histogram
# counts all reads.
has 'all(.series[0].rows[]; .samples | length == 2)'
has 'all(.series[0].rows[]; .latency_ns.count == 40 and ([.latency_ns.buckets[][1]] | add) == 40)'
has 'all(.series[0].rows[]; (.metrics.reads_per_second - (.samples | add / 2) | fabs) < 1)'
has 'all(.series[0].rows[]; .metrics | .latency_min <= .latency_p50 and .latency_p50 <= .latency_p99
     and .latency_p99 <= .latency_max)'
has 'all(.series[]; . as $s | any(.metrics[]; .name == $s.main))'
# Distances: powers of two from a block to half of the file, in both directions.
has '[.series[1].rows[].parameters | select(.direction == "forwards") | .distance] ==
     [4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576]'
has '[.series[1].rows[].parameters | select(.direction == "backwards")] | length == 9'
# Probes: the index has 16384 entries in 64 pages. A binary search of entries takes at most 15 probes,
# and 13 to 14 on average; one of pages at most 7. Each lookup then reads a record.
has '[.series[3].rows[].parameters | [.way, .batch]] == [["entries", 1], ["pages", 1], ["fences", 1],
     ["memory", 1], ["clustered", 1], ["entries", 1000], ["pages", 1000], ["fences", 1000],
     ["memory", 1000], ["clustered", 1000]]'
has '.series[3].rows[0].metrics.reads_per_lookup | . > 11 and . <= 16'
has '.series[3].rows[1].metrics.reads_per_lookup | . > 4 and . <= 8'
has '.series[3].rows[2].metrics.reads_per_lookup == 2 and .series[3].rows[3].metrics.reads_per_lookup == 1'
has '.series[3].rows[4].metrics | .reads_per_lookup == 1 and .bytes_per_lookup == 4096'
has '.series[3].rows[6].metrics.reads_per_lookup | . > 1 and . <= 1.065'
has '.series[3].rows[7].metrics.reads_per_lookup | . > 1 and . <= 1.065'
has '.series[3].rows[8].metrics.reads_per_lookup == 1'
# Of 497 leaves, 1000 keys read at most all.
has '.series[3].rows[9].metrics.reads_per_lookup | . > 0.4 and . <= 0.497'

# CSV: the same rows, each with as many fields as there are names.
jq '[.series[].rows | length] | add' report.json >expected
grep -cvE '^(series,|$)' report.csv >actual
same expected actual
awk -F, '/^series,/ { n = NF } NF && NF != n { exit 1 }' report.csv || fail 'fields are missing in report.csv'
# The table is written to standard output, unless JSON or CSV is.
out_has 'reads/call'
seek --test order --json -
jq -e '.series | length == 1' <"$out" >/dev/null || fail 'no report on standard output'
seek --test distance --csv -
[ "$(head -c 16 "$out")" = 'series,distance,' ] || fail 'no CSV on standard output'
# An existing, longer report is replaced.
seek --test distance --json report.json
seek --test depth --depth 1 --backend pread --json report.json
has '.series | length == 1'

# The offset and the working set.
seek --test depth --depth 1 --backend pread --offset 1M --working-set 512K --seed 7
out_has '# offset: 1048576'
out_has '# working_set: 524288'
seek --rate 2000,4000 --backend pread --threads 2 --json report.json
has '[.series[].name] == ["rate"] and [.series[0].rows[].parameters.rate] == [2000, 4000]'
# At 2000 per second an open loop needs at least 18 ms for 40 reads.
has '.series[0].rows[0].metrics.reads_per_second < 2300'

# Bursts: 20 reads in each of two repetitions, rounded up to whole bursts, each of which is counted once.
seek --test burst --depth 1..32 --block 4K,16K --backend "$uring" --json report.json
has '[.series[].name] == ["burst"] and (.series[0].rows | length) % 12 == 0'
has '[.series[0].rows[].parameters.reads] | unique == [1, 2, 4, 8, 16, 32]'
has 'all(.series[0].rows[]; .latency_ns.count == 2 * ((20 / .parameters.reads) | ceil))'
# The kernel counted the same bytes.
[ -n "$direct" ] || has '(.context.cold | capture("(?<n>[0-9]+) of [0-9]+ bytes came") | .n | tonumber) ==
     ([.series[0].rows[] | .latency_ns.count * .parameters.reads * .parameters.block] | add)'
has 'all(.series[0].rows[].metrics; .ideal > 0 and (.latency_p50 / .ideal - .over_ideal | fabs) < 0.01)'
has 'all(.series[0].rows[].metrics; .over_ideal > 0.99)'

# Steadiness, by the rule: two repetitions are too few; --steady repeats a row 5 to 25 times, and keeps the
# last 5.
has '.context.steady | startswith("unknown: ")'
has 'all(.series[].rows[]; has("steady") | not)'
steady='def steady: (add / length) as $average | (max - min) / $average <= 0.2 and
     ((2 * .[4] + .[3] - .[1] - 2 * .[0] | fabs) / 10 * 4 / $average <= 0.1);'
# shellcheck disable=SC2086
run 0 seek file $direct --count 100 --warm-up 0 --test distance,probes --batch 20 --json report.json
has "$steady all(.series[].rows[]; .rounds == 5 and .steady == (.samples | steady))"
has 'if [.series[].rows[].steady] | all then .context.steady | startswith("yes: ")
     else .context.steady | startswith("no: ") end'
has 'all(.series[].rows[]; .steady != ((.note // "") | contains("not steady")))'
# shellcheck disable=SC2086
run 0 seek file $direct --count 100 --warm-up 0 --test distance --steady --json report.json
has "$steady all(.series[].rows[]; .steady == (.samples | steady))"
has 'all(.series[].rows[]; (.samples | length == 5) and .latency_ns.count == 100)'
has 'all(.series[].rows[]; .rounds >= 5 and .rounds <= 25 and (.steady or .rounds == 25))'
if grep -q '"steady":false' report.json; then
    err_has 'rows are not steady after 25 repetitions'
else
    err_empty
fi

# Only what was proved is called cold.
if "$indexkv" seek file --cached --cold -n 10 --test depth --depth 1 --backend pread --json report.json >"$out" 2>"$err"; then
    has '.context.cold | startswith("proved: ") or contains("not proved")'
else
    err_has "--cold: this system can't drop a file's pages"
fi
run 0 seek file --cached -n 10 --test depth --depth 1 --backend pread --json report.json
has '.context.cold | startswith("no: ")'

# Read permission suffices, and the file is not changed.
chmod 400 file
seek --test distance
cksum file | diff before - >&2 || fail 'the file was changed'

# A test file is removed unless --keep is given.
mkdir directory
# shellcheck disable=SC2086
run 0 seek directory $direct --file-size 1M -n 4 --test distance
[ -z "$(ls -A directory)" ] || fail 'a test file is left'
# shellcheck disable=SC2086
run 0 seek directory $direct --file-size 1M -n 4 --test distance --keep
[ "$(wc -c <directory/indexkv-seek.data)" -eq 1048576 ] || fail 'the kept test file has another size'
[ "$(du -k directory/indexkv-seek.data | cut -f 1)" -ge 1024 ] || fail 'the test file has holes'
# shellcheck disable=SC2086
run 5 seek directory $direct --keep
err_has 'already exists'
