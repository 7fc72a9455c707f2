#!/bin/sh
# indexkv seek: targets and options that are refused, with their messages; and SIGINT.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

head -c 1048576 /dev/urandom >file
direct=
"$indexkv" seek file --test distance -n 2 >/dev/null 2>&1 || direct=--cached

run 2 seek
err_has 'expected one FILE, DEVICE or DIRECTORY'
run 2 seek file file
run 5 seek absent
err_has 'absent: No such file or directory'
: >empty
head -c 262143 file >small
for name in empty small; do
    run 2 seek "$name" --cached
    err_has "$name: too small: "
    err_has 'must be at least 256 KiB'
done
run 2 seek file --cached --offset 960K
err_has 'too small'
mkfifo fifo
run 2 seek fifo --cached
err_has 'not a file, block device or directory'
run 2 seek /dev/null --cached
err_has 'not a file, block device or directory'

# Permissions, unless run as root.
cp file secret
chmod 000 secret
if ! cat secret >/dev/null 2>&1; then
    run 5 seek secret
    err_has 'secret: Permission denied'
fi

# Options.
for list in '' 0 4097 x '1,' ',1' '1,,2' 4..2 1..x; do
    run 2 seek file --depth "$list"
    err_has '--depth: expected up to 64 numbers from 1 to 4096'
done
for list in 0 x 65M 4KB; do
    run 2 seek file --block "$list"
    err_has '--block: expected'
done
run 2 seek file --threads 1025
run 2 seek file --test depth,other
err_has '--test: expected one of depth|distance|order|probes|rate|burst'
run 2 seek file --backend mmap
err_has '--backend: expected one of pread|uring'
for time in '' 0 -1 1e3 x 86401; do
    run 2 seek file "--time=$time"
    err_has '--time: expected seconds'
done
run 2 seek file --test rate
err_has '--test rate requires --rate'
run 2 seek file --steady --repeat 4
err_has '--steady requires --repeat 5 to 25'
run 2 seek file --cold
err_has '--cold requires --cached'
run 2 seek file --cached --drop-caches
err_has '--drop-caches requires --cold'
run 2 seek file --keep
err_has '--keep requires a directory'
run 2 seek file --plot plot.pdf
err_has '--plot: expected a name that ends in .svg or .png'
run 2 seek file --json - --csv -
err_has 'only one can go to standard output'
run 2 seek file --cached --working-set 2M
err_has '--working-set: expected'
run 2 seek file --cached --offset 512
err_has '--offset: expected a multiple of 4096'
run 5 seek file --json absent/report.json
err_has 'absent/report.json: No such file or directory'
run 5 seek file --plot absent/plot.svg
err_has 'plot.svg: No such file or directory'
check 5 env PATH=/nonexistent "$indexkv" seek file --plot plot.svg
err_has '--plot: gnuplot not found'

# Blocks that are too large are skipped, the others measured.
run 0 seek file --cached --test depth --depth 1 --backend pread --block 4K,2M -n 4
err_has 'blocks of 2097152 bytes are skipped'

# A directory without enough space, simulated by a file size limit.
mkdir directory
(
    ulimit -f 512
    trap '' XFSZ
    exec "$indexkv" seek directory --cached --file-size 4M
) >"$out" 2>"$err"
[ $? -eq 5 ] || fail 'a test file beyond the limit'
err_has 'directory: writing a test file: File too large'
[ -z "$(ls -A directory)" ] || fail 'a test file is left'

# A file with a lease is in use: the command does not wait.
if command -v python3 >/dev/null; then
    # 1024 is F_SETLEASE
    python3 -c 'import fcntl, signal, time
f = open("file", "r+")
signal.signal(signal.SIGIO, signal.SIG_IGN)
fcntl.fcntl(f, 1024, fcntl.F_WRLCK)
open("leased", "w").close()
time.sleep(20)' 2>/dev/null &
    holder=$!
    tries=0
    while [ ! -e leased ] && [ "$tries" -lt 40 ] && kill -0 "$holder" 2>/dev/null; do
        sleep 0.05
        tries=$((tries + 1))
    done
    if [ -e leased ]; then
        run 5 seek file
        err_has '(in use by another program)'
    fi
    kill "$holder" 2>/dev/null
    wait "$holder" 2>/dev/null
fi

# SIGINT: the report has the results so far and is marked incomplete; the signal kills the process.
env --default-signal=INT true 2>/dev/null || exit 0
last='seek, SIGINT'
# shellcheck disable=SC2086
env --default-signal=INT "$indexkv" seek file $direct --test distance,depth --backend pread --time 60 \
    --repeat 200 --warm-up 0 --csv report.csv --json report.json >"$out" 2>"$err" &
child=$!
sleep 1.5
kill -s INT "$child"
wait "$child"
status=$?
[ "$status" -eq 130 ] || fail "exit status $status, expected 130"
out_has '# interrupted: results are incomplete'
grep -q '"complete":false' report.json || fail 'the report is marked complete'
grep -q '^random,pread,4096,1,1,' report.csv || fail 'results are missing'

# While it writes its test file.
last='seek, SIGINT while it writes its test file'
env --default-signal=INT "$indexkv" seek directory --cached --file-size 4G >"$out" 2>"$err" &
child=$!
sleep 0.3
kill -s INT "$child"
wait "$child"
status=$?
[ "$status" -eq 130 ] || [ "$status" -eq 5 ] || fail "exit status $status"
[ -z "$(ls -A directory)" ] || fail 'a test file is left'
