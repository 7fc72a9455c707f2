#!/bin/sh
# indexkv bench: its reports, errors and exit statuses. No test depends on speed.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN { for (i = 0; i < 20000; i++) print 3 * i + 5 "\tvalue number " i }' >pairs
build -o store pairs
quick='--time 0.01 --repeat 2 --draws 2000 --quiet'

# The number of rows, one per combination.
lines() {
    grep -Ec '^(warm|cold|direct) ' "$out"
}

# shellcheck disable=SC2086 # options
measure() {
    run 0 bench store $quick "$@"
}

measure --state warm
out_has '# store: 20.0k keys of u64'
out_has 'Lookups of uniform keys, 100 % of them present: medians of 2'
[ "$(lines)" -eq 4 ] || fail 'not one row per batch size'
err_empty
measure --state warm --batch 1,10 --backend auto,mmap --threads 1,2 --callers 1,2 --probe page,entry \
    --keys uniform,zipf,sequential,clustered --hit-ratio 0,0.5,1 --time 0.001 --repeat 1
[ "$(lines)" -eq $((2 * 2 * 2 * 2 * 2 * 4 * 3)) ] || fail 'not one row per combination'

# JSON and CSV. Single keys with entry probes need at most ceil(log2(20000)) probes, and the theory is
# accurate to 10 %.
measure --state warm --batch 1 --probe entry --time 0.05 --json out.json --csv out.csv
grep -q '"schema":"indexkv-report"' out.json || fail 'no schema'
grep -q '"command":"bench"' out.json || fail 'no command'
grep -q '"complete":true' out.json || fail 'not complete'
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    { found = 1
      probes = $column["probes_per_key"]; theory = $column["predicted_probes_per_key"]
      if (probes < 0.9 * theory || probes > 1.1 * theory || probes > 15) exit 1
      if ($column["source"] != "memory" && $column["source"] != "?") exit 1
      if (split($column["samples"], samples, " ") != 2) exit 1 }
    END { exit !found }' out.csv || fail "wrong results: $(cat out.csv)"
measure --state warm --batch 5 --json -
case $(head -c 10 "$out") in '{"schema":'*) ;; *) fail 'no JSON on standard output' ;; esac

# The report has the command line in its original order.
run 0 bench --state warm --batch 1 --time 0.01 --repeat 1 --quiet --json line.json store
grep -qF '"command_line":"indexkv bench --state warm --batch 1 --time 0.01 --repeat 1' line.json ||
    fail 'wrong command line'

# Plots: a curve by batch, one by depth, and bars, whose names contain a % that must be escaped.
if command -v gnuplot >/dev/null; then
    measure --state warm --batch 1,10 --plot 'by-%s.svg'
    measure --state warm --batch 10 --depth 1,2 --plot depth.svg
    measure --state warm --batch 10 --hit-ratio 0.5,1 --plot bars.svg
    for plot in by-lookups-warm by-latency-warm depth bars; do
        grep -q '</svg>' "$plot.svg" || fail "no plot: $plot"
    done
    grep -q '50 % present' bars.svg || fail 'a bar is not named'
    err_empty
fi

# The same seed gives the same keys: a batch of all of them takes the same number of probes.
for seed in 7 7 8; do
    measure --state warm --batch 2000 --draws 2000 --probe entry --seed $seed --csv seeded
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
        { print $column["probes_per_key"] }' seeded >>probes
done
[ "$(sort -u probes | wc -l)" -eq 2 ] || fail "three runs with two seeds: $(cat probes)"

# Less index memory means more reads; the theory is accurate to 20 %. With the index in memory, the
# record is left to be read; leaves contain it.
measure --state warm --backend pread --batch 1 --index-memory 1,600,1M --time 0.05 --csv memory
awk -F, -v left="$(by_layout 1 0)" 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    { reads = $column["reads_per_key"]; theory = $column["predicted_reads_per_key"]
      if (reads < 0.8 * theory || reads > 1.2 * theory) exit 1
      if (NR > 2 && reads >= before) exit 1
      before = reads }
    END { exit NR != 4 || before != left }' memory || fail "wrong reads: $(cat memory)"

# Other key types; plain stores, which require --key-type.
printf '0a\tx\n0b\ty\nf0\tz\n' >few
build -o bytes --key-type bytes1 --key-syntax hex few
run 0 bench bytes --state warm --time 0.001 -n 1 -q --hit-ratio 0.5,1 -b 1,7
build -o plain --plain --key-type u64 pairs
run 3 bench plain --time 0.001 -q
err_has '--key-type'
run 0 bench plain --key-type u64 --state warm --time 0.001 -n 1 -q -b 1,100
out_has 'plain'

# Clustered stores: one read per key, present or not, of a leaf. Without a v2 index keys are drawn from
# the leaves.
build -o leaves --layout clustered --no-v2-index --leaf-size 8K pairs
# shellcheck disable=SC2086 # options
run 0 bench leaves $quick --state warm --backend pread --batch 1 --hit-ratio 0.5,1 --csv leaves.csv \
    --index-memory 1K
out_has 'clustered in leaves of 8.0 KiB'
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    $column["reads_per_key"] != 1 || $column["predicted_reads_per_key"] < 0.99 ||
        $column["bytes_per_key"] != 8192 { exit 1 }' leaves.csv || fail "wrong reads: $(cat leaves.csv)"
run 2 bench leaves -q --probe page,entry
err_has '--probe entry: leaves has no v2 index'

# A row is cold only if that is proved, whatever this file system supports.
if "$indexkv" bench store --state cold --time 0.001 -n 1 -q -b 100 >"$out" 2>"$err"; then
    grep -Eq '^cold .* (device|\? +not cold: see cold_proof)' "$out" || fail 'neither proved nor marked as not cold'
else
    err_has "--state cold: this system can't drop a file's pages"
fi

# Stores that cannot be measured.
: >nothing
build -o empty --key-type u64 nothing
run 2 bench empty -q
err_has 'the store is empty'
awk 'BEGIN { for (i = 0; i < 256; i++) print i "\tx" }' >all
build -o dense --key-type u8 all
run 2 bench dense -q --state warm --hit-ratio 0.5
err_has 'no absent keys'
run 0 bench dense -q --state warm --time 0.001 -n 1
run 5 bench missing -q
err_has 'missing'
printf 'not a store, but long enough for a header\n' >text
run 3 bench text -q
err_has 'text'
run 3 bench . -q

# A lookup of a damaged record ends the command. Flips a bit in many records.
cp store damaged
size=$(wc -c <damaged)
awk -v size="$size" 'BEGIN { for (i = 0; i < 200; i++) print 1000 + i * 1000 }' |
    while read -r offset; do flip damaged "$offset"; done
run 4 bench damaged -q --state warm -b 1000 -n 1
err_has 'damaged'

# Options.
for list in '' ',' '1,' 0 '1,1' '1,x' 2000000; do
    run 2 bench store --batch "$list"
    err_has '--batch: expected'
done
run 2 bench store --state tepid
err_has "--state: expected one of warm|cold|direct, got 'tepid'"
run 2 bench store --keys uniform,uniform
err_has '--keys: expected each value once'
run 2 bench store --index-memory 1M,0
err_has '--index-memory: expected at least 1 B'
run 2 bench store --hit-ratio 1.5
err_has '--hit-ratio: expected a number from 0 to 1'
run 2 bench store --time 0
err_has '--time: expected'
run 2 bench store --theta nan
run 2 bench store --plot plot.pdf
run 2 bench store other
err_has "extra operand 'other'"
run 5 bench store --json no/such/directory.json
err_has 'no/such/directory.json'

# Interrupted: the results so far are reported, and the signal kills the process. Not SIGINT, which
# shells ignore for background processes.
"$indexkv" bench store --state warm -b 1,2,4 --time 0.2 -n 1000 --json part.json --progress always \
    >part 2>"$err" &
pid=$!
wait_for grep -q 'measuring.* [1-9]' "$err"
sleep 0.5
kill -TERM $pid
wait $pid
status=$?
[ $status -eq 143 ] || fail "exit status $status after SIGTERM"
grep -q '^# interrupted' part || fail 'the table is not marked as interrupted'
grep -Eq '^warm ' part || fail 'results are missing'
grep -q '"complete":false' part.json || fail 'the JSON is not marked as incomplete'
