#!/bin/sh
# SIGINT, SIGTERM and SIGHUP: the temporary file is removed, the old store is unchanged, and the
# process is terminated by the signal.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

env --default-signal=INT true 2>/dev/null || exit 77

printf '1\told\n' >old
build -o store old
cp store before
mkfifo input

temporary_there() {
    # shellcheck disable=SC2012 # names are plain
    [ "$(ls -A | wc -l)" -gt 4 ]
}

# interrupt SIGNAL NUMBER: interrupt a build that waits for input.
interrupt() {
    last="build, SIG$1"
    env --default-signal=INT,TERM,HUP "$indexkv" build --layout="$layout" -o store input 2>"$err" &
    child=$!
    exec 9>input
    printf '1\tnew\n2\tnew\n' >&9
    wait_for temporary_there
    kill -s "$1" "$child"
    wait "$child"
    status=$?
    exec 9>&-
    [ "$status" -eq $((128 + $2)) ] || fail "exit status $status, expected $((128 + $2))"
    err_empty
    same before store
    only_files before input old store
}
interrupt INT 2
interrupt TERM 15
interrupt HUP 1

# While it waits for a writer to open its input, a FIFO.
last='build, SIGINT while it opens its input'
env --default-signal=INT,TERM,HUP "$indexkv" build --layout="$layout" -o store input 2>"$err" &
child=$!
wait_for temporary_there
sleep 0.1
kill -s INT "$child"
wait "$child"
status=$?
[ "$status" -eq 130 ] || fail "exit status $status, expected 130"
err_empty
same before store
only_files before input old store

# While it reads input, and while it sorts.
awk 'BEGIN { srand(1); for (i = 0; i < 3000000; i++) printf "%d\tv\n", int(rand() * 1000000000) }' >pairs
for delay in 0.05 0.1 0.2 0.4 0.6 0.8 1.0; do
    last="build, SIGINT after $delay s"
    env --default-signal=INT,TERM,HUP "$indexkv" build --layout="$layout" -q -d last --memory 8M -o store pairs 2>"$err" &
    child=$!
    sleep "$delay"
    kill -s INT "$child" 2>/dev/null
    wait "$child"
    status=$?
    if [ "$status" -eq 0 ]; then
        build -o store old # it was finished already
        cp store before
    else
        [ "$status" -eq 130 ] || fail "exit status $status"
        same before store
    fi
    err_empty
    only_files before input old pairs store
done

# Ignored signals remain ignored.
last='build with SIGHUP ignored'
(
    trap '' HUP
    exec "$indexkv" build --layout="$layout" -q -o store input
) 2>"$err" &
child=$!
exec 9>input
printf '8\teight\n' >&9
sleep 0.3
kill -s HUP "$child"
sleep 0.1
printf '9\tnine\n' >&9
exec 9>&-
wait "$child" || fail 'SIGHUP was not ignored'
run 0 scan store
out_is '8\teight\n9\tnine\n'

# verify removes its temporary files, too.
build -d last -o store pairs
rm pairs before
last='verify, SIGINT'
env --default-signal=INT,TERM,HUP "$indexkv" verify -q --memory 8M store >"$out" 2>"$err" &
child=$!
sleep 0.1
kill -s INT "$child" 2>/dev/null
wait "$child"
status=$?
case $status in 0 | 130) ;; *) fail "exit status $status" ;; esac
only_files input old store
