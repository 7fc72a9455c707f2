#!/bin/sh
# indexkv seek: the rows that were asked for, in every form of the report; nothing is written to
# what is measured, and nothing is left of a test file.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

command -v jq >/dev/null || exit 77
head -c 2097152 /dev/urandom >file
cksum file >before
direct=
"$indexkv" seek file --test distance -n 2 >/dev/null 2>&1 || direct=--cached
uring=pread
"$indexkv" seek file $direct --backend uring --depth 1 -n 2 >/dev/null 2>&1 && uring=pread,uring

# seek ARGUMENT...: bounded by counts, so that it takes a moment.
seek() {
    # shellcheck disable=SC2086 # none or one word
    run 0 seek file $direct --count 40 --repeat 2 --warm-up 0 "$@"
    err_empty
}
# has FILTER: true of report.json.
has() {
    jq -e "$1" report.json >/dev/null || fail "report.json: not so: $1"
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
# has them all.
has 'all(.series[0].rows[]; .samples | length == 2)'
has 'all(.series[0].rows[]; .latency_ns.count == 40 and ([.latency_ns.buckets[][1]] | add) == 40)'
has 'all(.series[0].rows[]; (.metrics.reads_per_second - (.samples | add / 2) | fabs) < 1)'
has 'all(.series[0].rows[]; .metrics | .latency_min <= .latency_p50 and .latency_p50 <= .latency_p99
     and .latency_p99 <= .latency_max)'
has 'all(.series[]; . as $s | any(.metrics[]; .name == $s.main))'
# Distances: powers of two from a block to half of the file, both ways.
has '[.series[1].rows[].parameters | select(.direction == "forwards") | .distance] ==
     [4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576]'
has '[.series[1].rows[].parameters | select(.direction == "backwards")] | length == 9'
# Probes: 16384 entries, 64 pages in the index. A binary search of entries takes 14 to 15 probes at
# most and 13 to 14 on average, one of pages 7 at most; and each lookup ends with a record.
has '[.series[3].rows[].parameters | [.way, .batch]] == [["entries", 1], ["pages", 1], ["fences", 1],
     ["memory", 1], ["entries", 1000], ["pages", 1000], ["fences", 1000], ["memory", 1000]]'
has '.series[3].rows[0].metrics.reads_per_lookup | . > 11 and . <= 16'
has '.series[3].rows[1].metrics.reads_per_lookup | . > 4 and . <= 8'
has '.series[3].rows[2].metrics.reads_per_lookup == 2 and .series[3].rows[3].metrics.reads_per_lookup == 1'
has '.series[3].rows[5].metrics.reads_per_lookup | . > 1 and . <= 1.065'
has '.series[3].rows[6].metrics.reads_per_lookup | . > 1 and . <= 1.065'
has '.series[3].rows[7].metrics.reads_per_lookup == 1'

# CSV: the same rows, and as many fields in each as names.
jq '[.series[].rows | length] | add' report.json >expected
grep -cvE '^(series,|$)' report.csv >actual
same expected actual
awk -F, '/^series,/ { n = NF } NF && NF != n { exit 1 }' report.csv || fail 'fields are missing in report.csv'
# The table goes to standard output unless one of them does.
out_has 'reads/call'
seek --test order --json -
jq -e '.series | length == 1' <"$out" >/dev/null || fail 'not a report on standard output'
seek --test distance --csv -
[ "$(head -c 16 "$out")" = 'series,distance,' ] || fail 'not CSV on standard output'
# A longer report that was there before is gone.
seek --test distance --json report.json
seek --test depth --depth 1 --backend pread --json report.json
has '.series | length == 1'

# The same seed, the same reads; a working set is kept to.
seek --test depth --depth 1 --backend pread --offset 1M --working-set 512K --seed 7
out_has '# offset: 1048576'
out_has '# working_set: 524288'
seek --rate 2000,4000 --backend pread --threads 2 --json report.json
has '[.series[].name] == ["rate"] and [.series[0].rows[].parameters.rate] == [2000, 4000]'
# An open loop at 2000 a second can't make 40 reads in less than 18 ms.
has '.series[0].rows[0].metrics.reads_per_second < 2300'

# Cold is what was proved.
run 0 seek file --cached --cold -n 10 --test depth --depth 1 --backend pread --json report.json
has '.context.cold | startswith("proved: ") or contains("not proved")'
run 0 seek file --cached -n 10 --test depth --depth 1 --backend pread --json report.json
has '.context.cold | startswith("no: ")'

# Read-only is enough, and nothing was changed.
chmod 400 file
seek --test distance
cksum file | diff before - >&2 || fail 'the file was changed'

# A test file: there while it is needed, kept if asked.
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
err_has 'there is one already'
