#!/bin/sh
# examples/reads.bt, run by bpftrace on a lookup, counts what get --stats counts. Needs root, and a
# kernel that allows uprobes.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

script=$tests/../examples/reads.bt
if ! command -v bpftrace >"$directory/which" || [ "$(id -u)" -ne 0 ] ||
    ! timeout 20 bpftrace -e "usdt:$indexkv:indexkv:level { } BEGIN { exit(); }" >which 2>&1; then
    echo 'skipped: bpftrace is not installed, or cannot trace this program here' >&2
    exit 77
fi

# Nothing of the index or the file is in memory, so that each level is read.
awk 'BEGIN { for (i = 0; i < 400000; i++) printf "%d\t%d\n", i * 3, i }' >pairs
build -o store pairs
"$indexkv" get store --direct 0 >direct 2>&1 || {
    echo 'skipped: no direct reads here' >&2
    exit 77
}
mkfifo keys
"$indexkv" get store --keys keys --batch 64 --threads 1 --index-memory 1 --direct --stats >answers 2>stats &
get=$!
exec 3<>keys # does not wait for `get`
timeout 60 bpftrace -p "$get" "$script" >trace 2>&1 3>&- &
tracer=$!
wait_for grep -q 'tracing lookups' trace
awk 'BEGIN { for (i = 0; i < 1000; i++) print i * 104729 % 1200000 }' >&3
exec 3>&-
wait "$get" || fail "get: $(cat stats)"
wait "$tracer" || fail "bpftrace: $(cat trace)"

# histogram NAME: the sum of the counts of its lines.
histogram() {
    awk -v name="@$1:" '$1 == name { on = 1; next } on && !/^\[/ { exit } on { sub(/^\[[^])]*[])] */, ""); sum += $1 }
        END { print sum + 0 }' trace
}
sum_of() {
    awk -v name="$1" '$1 == name && NF == 2 { print $2 }' stats
}
[ "$(histogram batch_keys)" -eq 16 ] || fail "batches: $(cat trace)"
[ "$(histogram read_us)" -eq $(($(sum_of index_reads) + $(sum_of record_reads))) ] ||
    fail "reads: $(cat trace stats)"

# Pages by level, beside the reads of the table of --stats, each of which is a page.
sed -nE 's/^@pages_by_level\[([0-9]+)\]: /\1 /p' trace | sort -n >traced_levels
awk '$1 == "level" { on = 1; next } on && $1 ~ /^[0-9]+$/ { print $1, $3 }' stats >levels
[ "$(wc -l <levels)" -ge 5 ] || fail 'too few levels'
diff levels traced_levels >&2 || fail 'other levels than those of --stats'
