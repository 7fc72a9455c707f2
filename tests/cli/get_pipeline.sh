#!/bin/sh
# get reads keys in a thread of its own, and writes in another: the order of answers and messages, signals
# and errors while either of them waits.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

env --default-signal=INT true 2>/dev/null || exit 77

count=20000
awk -v n=$count 'BEGIN { for (i = 0; i < n; i++) printf "%d\tvalue of %d\n", i * 7, i * 7 }' >pairs
build -o store pairs
# In another order; the values follow from the keys.
awk -v n=$count 'BEGIN { for (i = 0; i < 3 * n; i++) print i * 7919 % n * 7 }' >keys
awk '{ print $1 "\tvalue of " $1 }' keys >expected

for threads in 1 2 5; do
    for batch in 65 1000 65536; do
        run 0 get store --keys keys --threads "$threads" --batch "$batch"
        same expected "$out"
        err_empty
        last="get from a pipe, --threads $threads --batch $batch"
        { cat keys; } | "$indexkv" get store --keys - --threads "$threads" --batch "$batch" >"$out" ||
            fail "exit status $?"
        same expected "$out"
    done
done

# All answers before a bad line are written, and then the message.
{ head -n 30000 keys; echo 'no key'; tail -n 30000 keys; } >bad
run 2 get store --keys bad --batch 1000
head -n 30000 expected >before
same before "$out"
err_has 'bad:30001: expected a key'

# Bad lines are skipped in their places, whichever thread finds them, and rejected in order.
awk 'NR % 97 == 0 { print "bad " NR } { print }' keys >mixed
awk 'NR % 97 == 0 { print "bad " NR "\t" } { print $1 "\tvalue of " $1 }' keys >wanted
awk '/bad/ { print NR "\t" $0 }' mixed >wanted.rejects
for batch in 65 1000 4096; do
    run 0 get store --keys mixed --batch "$batch" --threads 3 --missing empty --on-bad-line skip \
        --rejects rejects
    same wanted "$out"
    cut -f 2,4 rejects >actual
    same wanted.rejects actual
    run 2 get store --keys mixed --batch "$batch" --threads 3 --missing empty --on-bad-line skip \
        --rejects rejects --max-rejects 100
    awk '/bad/ && ++bad > 100 { exit } { print }' wanted >before
    same before "$out"
done

# Every batch may report missing keys; they are reported in order.
awk '{ print NR % 2 ? $1 : $1 + 1 }' keys | head -n 5000 >some
run 1 get store --keys some --missing error --batch 100
grep -o "key '[0-9]*'" "$err" | tr -dc '0-9\n' >actual
awk 'NR % 2 == 0' some >wanted
same wanted actual

run 0 get store --keys keys --progress always --batch 100
err_has ', waits: '

# ends STATUS: the process ends with this status, soon.
ends() {
    tries=0
    while kill -0 "$child" 2>/dev/null && [ "$tries" -lt 600 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    [ "$tries" -lt 600 ] || kill -9 "$child"
    wait "$child"
    status=$?
    [ "$status" -eq "$1" ] || fail "exit status $status, expected $1"
}

mkfifo input output
last='SIGINT while get waits for keys'
env --default-signal=INT "$indexkv" get store --keys input --batch 100 >"$out" 2>"$err" &
child=$!
exec 9>input
head -n 250 keys >&9
head -n 200 expected >wanted
wait_for cmp -s wanted "$out"
kill -s INT "$child"
ends 130
exec 9>&-
same wanted "$out"

last='SIGINT while get waits for the reader of its output'
env --default-signal=INT "$indexkv" get store --keys keys --batch 100 >output 2>"$err" &
child=$!
exec 8<output
sleep 0.3
kill -s INT "$child"
ends 130
exec 8<&-

last='a write error while get waits for keys'
if [ -c /dev/full ]; then
    "$indexkv" get store --keys input --batch 100 >/dev/full 2>"$err" &
    child=$!
    exec 9>input
    head -n 250 keys >&9
    ends 5
    exec 9>&-
    err_has 'write error: No space left on device'
fi
