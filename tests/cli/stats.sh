#!/bin/sh
# The statistics of get, compared with counts of awk where possible, and checked for consistency.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN { for (i = 0; i < 6000; i++) printf "%d\tvalue of %d\n", i * 7919 % 100003 * 2, i }' >pairs
build -o store pairs
awk 'BEGIN { for (i = 0; i < 7777; i++) print i * 104729 % 200000 }' >keys
awk -F '\t' '{ print $1 }' pairs | head -n 1000 >>keys

# value NAME: the value of a line of the statistics. What is read of a clustered store are leaves.
value() {
    awk -v name="$1" '{ sub(/^leaf_/, "index_") } NF == 2 && $1 == name { print $2 }' "$err"
}

# is NAME NUMBER: check the value of a line.
is() {
    [ "$(value "$1")" = "$2" ] || fail "$1: $(value "$1"), expected $2"
}

# add_up: check that totals agree with the table and that percentiles ascend.
add_up() {
    awk '
        function off(what) { print what; bad = 1 }
        function near(a, b, unit) { return a - b <= unit && b - a <= unit }
        { sub(/^leaf_/, "index_") }
        length($0) > 100 { off("a line of " length($0) " columns") }
        NF == 2 && !columns { v[$1] = $2 }
        $1 == "level" { columns = NF; next }
        columns && NF != columns { off("columns: " $0) }
        columns && $1 == "record" { records = $2; record_reads = $3; record_bytes = $4; rows++ }
        columns && $1 != "record" {
            if ($1 != levels++) off("level " $1)
            probes += $2; reads += $3; bytes += $4
            if ($3 > $2) off("more reads than probes: " $0)
        }
        columns > 4 && $3 > 0 {
            for (i = 6; i <= columns; i++) if ($i + 0 < $(i - 1) + 0) off("percentiles: " $0)
            if ($5 + 0 <= 0) off("no time: " $0)
        }
        columns > 4 && $3 == 0 { for (i = 5; i <= columns; i++) if ($i != "-") off($0) }
        END {
            if (!levels || rows != 1) off("no levels")
            if (probes != v["probes"]) off("probes " probes)
            if (reads > v["index_reads"]) off("reads " reads)
            if (bytes > v["index_bytes"]) off("bytes " bytes)
            if (records != v["records"]) off("records " records)
            if (record_reads != v["record_reads"]) off("record reads " record_reads)
            if (record_bytes != v["record_bytes"]) off("record bytes " record_bytes)
            if (v["found"] + v["missing"] + v["corrupt"] + v["unreadable"] != v["keys"])
                off("answers")
            all = v["index_reads"] + v["record_reads"]
            if (!near(all / v["keys"], v["reads/key"], 0.001)) off("reads/key")
            all_bytes = v["index_bytes"] + v["record_bytes"]
            if (!near(all_bytes / v["keys"], v["bytes/key"], 0.1)) off("bytes/key")
            if (!near(v["system_calls"] / v["keys"], v["system_calls/key"], 0.001))
                off("system_calls/key")
            if (!near(all / v["system_calls"], v["reads/system_call"], 0.01))
                off("reads/system_call")
            if (v["cpu_us/key"] <= 0) off("cpu_us/key")
            if (v["search_seconds"] > v["total_seconds"] + 0.001) off("seconds")
            if (v["keys/second"] <= 0) off("keys/second")
            exit bad
        }' "$err" || fail 'the statistics do not add up'
}

# Compare with awk, for several batch sizes.
for batch in 1 100 1000 65536; do
    awk -F '\t' -v batch=$batch 'NR == FNR { there[$1]; next }
        { keys++; if ($1 in there) found++ }
        !((int((FNR - 1) / batch), $1) in seen) {
            seen[int((FNR - 1) / batch), $1]; distinct++
            if ($1 in there) records++ }
        END { print keys, distinct, found, records, int((keys + batch - 1) / batch) }' \
        pairs keys >counts
    read -r keys distinct found records calls <counts
    for more in '--backend pread' '--backend auto --no-map' '--backend pread --threads 1' \
        '--probe entry --backend pread' '--barrier --no-map' '--index-memory 1 --no-map'; do
        # shellcheck disable=SC2086 # $more is several words
        run 0 get store --keys keys --stats --batch $batch $more
        is keys "$keys"
        is distinct "$distinct"
        is found "$found"
        is missing $((keys - found))
        is corrupt 0
        is unreadable 0
        is records "$records"
        is calls "$calls"
        [ "$(value shards)" -ge "$calls" ] || fail 'fewer shards than calls'
        add_up
        case $more in
            *pread*)
                is backend pread
                ! grep -q '^ring' "$err" || fail 'pread reports a ring'
                is system_calls $(($(value index_reads) + $(value record_reads)))
                ;;
        esac
    done
done
is retries 0

# An entry probe reads at most the 16 bytes of an entry, a page probe 4096.
run 0 get store --keys keys --stats --probe entry --backend pread
[ "$(value index_bytes)" -le $((16 * $(value probes))) ] || fail 'entry probes read more than an entry'
[ "$(grep -c '^[0-9]' "$err")" -le 14 ] || fail 'more levels than a binary search of 6000 entries'
run 0 get store --stats --no-map 0
is probes 1
is index_bytes 4096

# With the mapping there are no reads, and repeated keys can be looked up again.
run 0 get store --keys keys --stats --backend mmap
is found "$found"
is backend mmap
is index_reads 0
is record_reads 0
[ "$(value distinct)" -ge "$distinct" ] || fail 'too few distinct keys'
[ "$(value mapped)" -ge "$found" ] || fail 'records were not read through the mapping'

# Rings, and the reason why auto could not use them.
if "$indexkv" get store --keys keys --backend uring --stats >"$out" 2>"$err"; then
    last='get --backend uring'
    is backend uring
    grep -q '^ring  *[a-z]' "$err" || fail 'no ring features'
    ! grep -q '^fallback' "$err" || fail 'uring reports a fallback'
    add_up
else
    err_has io_uring
fi
# Just enough file descriptors to read the store, and none left for a ring.
files=4
while [ $files -lt 20 ]; do
    last="get with $files descriptors"
    # shellcheck disable=SC3045 # known to the shells of Debian and the BSDs
    (ulimit -n $files && "$indexkv" get store --keys keys --backend pread --stats) >"$out" 2>"$err" &&
        break
    files=$((files + 1))
done
last="get --backend auto with $files descriptors"
# shellcheck disable=SC3045
(ulimit -n $files && "$indexkv" get store --keys keys --no-map --stats) >"$out" 2>"$err" ||
    fail 'get failed'
is backend pread
is found "$found"
grep -q '^fallback  *[A-Za-z]' "$err" || fail 'no reason for the fallback'

# scan does not measure latencies.
run 0 scan store --stats
! grep -q 'p50_us' "$err" || fail 'scan printed latencies'
is keys 6000
