#!/bin/sh
# The three policies for duplicate keys.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

printf '7\told\n' >old
build -o store old
cp store before
printf '5\tfirst\n3\tx\n5\tsecond\n3\ty\n5\tthird\n4\tz\n' >pairs

run 2 build -o store pairs
err_has 'key'
grep -Eq '\b[35]\b' "$err" || fail 'the key is not in the message'
same before store
only_files before old pairs store
run 2 build -o store --on-duplicate error pairs
same before store

run 0 build -o store --on-duplicate first pairs
err_has ' 3 pairs, 3 dropped, '
run 0 scan store
out_is '3\tx\n4\tz\n5\tfirst\n'
run 0 scan store --order storage
out_is "$(by_layout 'first\nx\nz\n' 'x\nz\nfirst\n')"
run 0 verify store
run 0 build -o store -d last pairs
err_has ' 3 pairs, 3 dropped, '
run 0 scan store
out_is '3\ty\n4\tz\n5\tthird\n'
run 0 scan store --order storage
out_is "$(by_layout 'y\nthird\nz\n' 'y\nz\nthird\n')"
run 0 verify store
build -o store --plain -d last pairs
run 0 scan store -t u64
out_is '3\ty\n4\tz\n5\tthird\n'
run 0 scan store -t u64 --order storage
out_is 'y\nthird\nz\n'

# Many duplicates, compared with awk; also with so little memory that the sort uses temporary files.
awk 'BEGIN { srand(5); for (i = 0; i < 600000; i++) printf "%d\tv%d\n", int(rand() * 200000), i }' >pairs
awk -F '\t' '!($1 in seen) { seen[$1]; print }' pairs | sort -n >first
awk -F '\t' '{ last[$1] = $0 } END { for (key in last) print last[key] }' pairs | sort -n >last
awk -F '\t' '!($1 in seen) { seen[$1]; print $2 }' pairs >first_storage
[ "$layout" = arrival ] || cut -f 2 first >first_storage
for memory in 8M 256M; do
    for policy in first last; do
        build -o store -d "$policy" --memory "$memory" pairs
        run 0 scan store
        same "$policy" "$out"
    done
    build -o store -d first --memory "$memory" pairs
    run 0 scan store --order storage
    same first_storage "$out"
done
run 2 build -o store --memory 8M pairs
only_files before first first_storage last old pairs store
