#!/bin/sh
# Progress, with and without --progress.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN { for (i = 0; i < 300000; i++) printf "%d\tvalue %d\n", i, i }' >pairs
cut -f 1 pairs >keys

# Without a terminal there is no progress by default.
run 0 build -q -o store pairs
err_empty
run 0 build -o store pairs
[ "$(wc -l <"$err")" -eq 1 ] || fail 'more than the summary'
run 0 build -o store --progress never pairs
[ "$(wc -l <"$err")" -eq 1 ] || fail 'more than the summary'
run 0 build -o store --progress always pairs
err_has 'indexkv: read: 300.0k pairs, '
err_has '/s'
err_has '100 %'
err_has ', waits: '
err_has 'processor '
run 0 build -o store --progress always --quiet pairs
err_has 'indexkv: read: 300.0k pairs, '
err_lacks 'dropped'
last='build from a pipe'
{ cat pairs; } | "$indexkv" build -o store --progress always 2>"$err" || fail 'build'
err_has 'indexkv: read: 300.0k pairs, '

run 0 get store --keys keys
err_empty
run 0 get store --keys keys --progress always
err_has 'indexkv: get: 300.0k keys, '
err_has '100 %'
run 0 get store --keys keys --progress always --batch 10
err_has 'indexkv: get: 300.0k keys, '
[ "$(wc -l <"$err")" -lt 60 ] || fail 'too many lines'
run 0 scan store
err_empty
run 0 scan store --progress always
err_has 'indexkv: scan: 300.0k items, '
err_has '100 %, waits: '
run 0 verify store
err_empty
run 0 verify store --progress always
err_has 'indexkv: '
err_has '/s'
err_has ', waits: '
out_has 'sound'

# A pipe that is slower than the build.
last='build that waits for its input'
{ head -n 150000 pairs; sleep 1.5; tail -n 150000 pairs; } |
    "$indexkv" build -o store --progress always 2>"$err" || fail 'build'
grep 'read: 300' "$err" | grep -q 'waits: reading ' || fail 'waits not shown'

# A phase that counts nothing is named only.
grep -q '^indexkv: sync$' "$err" || grep -q '^indexkv: sync, waits: ' "$err" || fail 'sync not shown'

# No share is negative, not even at the beginning: a fraction of a percent is 0 %.
last='seek, its first second'
head -c 1048576 pairs >file
: >"$err"
"$indexkv" seek file --cached --test distance --time 3600 --progress always >"$out" 2>"$err" &
child=$!
wait_for grep -q '%' "$err"
kill "$child"
wait "$child"
err_has ', 0 %'
err_lacks '-0 %'
