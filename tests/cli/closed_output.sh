#!/bin/sh
# Write errors are reported; after a closed pipe, the command ends without a message.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN { for (i = 0; i < 200000; i++) printf "%d\tvalue %d\n", i, i }' >pairs
cut -f 1 pairs >keys
build -o store pairs

# quiet_end COMMAND...: write to a pipe whose reader exits after a line.
quiet_end() {
    last="$* | head -n 1"
    { "$@" 2>"$err"; echo $? >"$directory/status"; } | head -n 1 >"$out"
    status=$(cat "$directory/status")
    [ "$status" -eq 141 ] || fail "exit status $status, expected 141 for SIGPIPE"
    err_empty
}
quiet_end "$indexkv" scan store
out_is '0\tvalue 0\n'
quiet_end "$indexkv" scan store --order storage
quiet_end "$indexkv" get store --keys keys
out_is '0\tvalue 0\n'
quiet_end "$indexkv" get store --keys keys -f jsonl
# With batches in flight.
for options in '--batch 10' '--batch 10000 --threads 4' '--batch 1000 --backend pread --barrier'; do
    # shellcheck disable=SC2086 # several words
    quiet_end "$indexkv" get store --keys keys $options
    out_is '0\tvalue 0\n'
done
# The same if the parent process ignores SIGPIPE.
quiet_end sh -c 'trap "" PIPE; exec "$@"' sh "$indexkv" scan store

full() {
    last="$* >/dev/full"
    "$indexkv" "$@" >/dev/full 2>"$err"
    status=$?
    [ "$status" -eq 5 ] || fail "exit status $status, expected 5"
    err_has 'indexkv: write error: No space left on device'
    [ "$(wc -l <"$err")" -eq 1 ] || fail 'more than one message'
}
if [ -c /dev/full ]; then
    full --help
    full --version
    full help get
    full get --help
    full get store 1
    full get store --keys keys
    full get store --keys keys --batch 10000 --threads 4
    full scan store
    full scan store --limit 1
    full scan store --order storage -f binary
    full info store
    full info store --json
    full verify store
    full verify store --json
fi

# Standard output is closed at the start: the output must not end up in the store.
cp store before
for arguments in 'get store 1' 'scan store' 'info store' 'verify store' '--version'; do
    last="$arguments >&-"
    # shellcheck disable=SC2086
    "$indexkv" $arguments >&- 2>"$err"
    [ $? -eq 5 ] || fail 'expected exit status 5'
    err_has 'write error: Bad file descriptor'
done
same before store
last='everything closed'
"$indexkv" build -o other pairs <&- >&- 2>&- || fail 'build with all descriptors closed'
"$indexkv" scan other | cmp - pairs || fail 'its store has other pairs'

# A closed standard error is not an error.
last='standard error closed'
"$indexkv" get store 0 999999 >"$out" 2>&-
[ $? -eq 1 ] || fail 'expected exit status 1'
out_is '0\tvalue 0\n'
{ "$indexkv" build -o other pairs 2>&1 >/dev/null; echo $? >"$directory/status"; } | :
[ "$(cat "$directory/status")" -eq 0 ] || fail 'the build failed when standard error was a closed pipe'
