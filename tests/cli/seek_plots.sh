#!/bin/sh
# indexkv seek --plot
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

command -v gnuplot >/dev/null || exit 77
head -c 2097152 /dev/urandom >file
backend=pread
"$indexkv" seek file --cached --backend uring --depth 1 -n 2 >/dev/null 2>&1 && backend=uring

draw() {
    run 0 seek file --cached --count 20 --repeat 1 --warm-up 0 --depth 1..8 --threads 1,2 \
        --backend "$backend" "$@"
    err_empty
}

draw --plot "it's all.svg"
[ -s "it's all.svg" ] || fail 'no plots'
for text in 'reads in flight' 'latency (us)' 'distance' 'MB/s' 'lookups/s' 'fences in memory' 'index in memory' \
    clustered; do
    grep -qF "$text" "it's all.svg" || fail "the plots lack: $text"
done
tail -n 3 "it's all.svg" | grep -q '</svg>' || fail 'the plots are incomplete'

draw --test burst --plot 'one-%s.svg'
for text in 'reads sent at once' 'time (us)' p99 ideal; do
    grep -qF "$text" one-burst.svg || fail "the plot lacks: $text"
done

draw --plot 'one-%s.png'
for name in depth-rate depth-latency distance order probes; do
    [ "$(head -c 4 "one-$name.png" | hex)" = 89504e47 ] || fail "one-$name.png is not a PNG file"
done

# A plot that cannot be written is an error, after the report has been printed.
mkdir taken.svg
"$indexkv" seek file --cached --count 2 --repeat 1 --test distance --plot taken.svg >"$out" 2>"$err"
[ $? -eq 5 ] || fail 'a directory instead of a file'
err_has 'taken.svg'
