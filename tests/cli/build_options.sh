#!/bin/sh
# Options of build other than input formats.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN { srand(9); for (i = 0; i < 400000; i++) printf "%d\tv%d\n", i * 7919 % 400000, i }' >pairs
sort -n pairs >sorted
id=000102030405060708090a0b0c0d0e0f

# The same ID, options and pairs produce the same file, whatever the memory limit.
build -o first --store-id $id --memory 256M pairs
build -o second --store-id $id --memory 8M pairs
same first second
build -o second --store-id 000102030405060708090A0B0C0D0E0F --expected-pairs 400000 - <pairs
same first second
build -o second pairs
cmp -s first second && fail 'two random IDs are equal'
for store in first second; do
    run 0 scan $store
    same sorted "$out"
done
run 0 info first --json
out_has "\"store_id\":\"$id\""

# Temporary files are in --temp-dir, and are removed afterwards.
mkdir runs
build -o second --store-id $id --memory 8M --temp-dir runs pairs
same first second
[ -z "$(ls -A runs)" ] || fail 'temporary files are left'
run 5 build -o second --memory 8M --temp-dir nowhere pairs
only_files first pairs runs second sorted

# The summary.
run 0 build -o second pairs
out_empty
size=$(($(wc -c <second)))
grep -Eqx "indexkv: second: 400000 pairs, 0 dropped, $size bytes, [0-9.]+ s, [0-9]+ pairs/s" "$err" ||
    fail 'unexpected summary'
run 0 build -q -o second pairs
err_empty

# Permissions.
umask 027
build -o second sorted
[ "$(stat -c %a second)" = 640 ] || fail 'the default mode ignores the umask'
build -o second --mode 604 sorted
[ "$(stat -c %a second)" = 604 ] || fail '--mode 604'
build -o second --mode 0400 sorted
[ "$(stat -c %a second)" = 400 ] || fail '--mode 0400'
umask 022

# Metadata: text, any bytes, empty.
printf '1\tone\n' >one
build -o second --metadata 'of the year 1976' one
run 0 info second
out_has 'of the year 1976'
run 0 info second --json
out_has 'of the year 1976'
printf 'a\000b\377' >metadata
build -o second --metadata-file metadata one
run 0 info second --json
out_has 'YQBi/w=='
run 0 info second
out_has 'a\x00b\xff'
build -o second --metadata '' one
run 0 info second --json
out_has 'null'

# A symbolic link is replaced, not its target. An open store stays readable when it is replaced.
printf '2\ttwo\n' >two
build -o target one
ln -s target link
build -o link two
[ ! -L link ] || fail 'the link is still there'
run 0 scan target
out_is '1\tone\n'
run 0 scan link
out_is '2\ttwo\n'
mkfifo keys
"$indexkv" get target --batch 1 --keys keys >answers 2>"$err" &
child=$!
exec 9>keys
echo 1 >&9
wait_for grep -q one answers
build -o target two
echo 1 >&9
echo 2 >&9
exec 9>&-
wait "$child" || fail 'reading the replaced store'
printf '1\tone\n1\tone\n' >expected
same expected answers
run 0 scan target
out_is '2\ttwo\n'

# Concurrent builds of the same path: the result is one of the two stores, complete.
for metadata in first second third; do
    "$indexkv" build -q -o target pairs &
    child=$!
    build -o target --metadata "$metadata" one
    wait "$child" || fail 'the other build'
    run 0 verify target
done

# File names with spaces, quotes, directories and a leading dash.
mkdir 'a directory'
build -o 'a directory/store of "1976"' one
run 0 get 'a directory/store of "1976"' 1
build -o ./-dash one
run 0 get -- -dash 1
out_is '1\tone\n'
