#!/bin/sh
# Missing keys, as KEY arguments and from files, with all values of --missing.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

printf '1\tone\n3\tthree\n' >pairs
build -o store pairs
printf '3\n2\n1\n' >keys

run 0 get store --keys keys
out_is '3\tthree\n1\tone\n'
err_empty
run 0 get store --keys keys --missing skip
out_is '3\tthree\n1\tone\n'
run 0 get store --keys keys --missing empty
out_is '3\tthree\n2\t\n1\tone\n'
err_empty
run 0 get store --keys keys --missing empty --match ceiling
out_is '3\t3\tthree\n2\t3\tthree\n1\t1\tone\n'
printf '0\n4\n' >outside
run 0 get store --keys outside --missing empty --match floor
out_is '0\t\t\n4\t3\tthree\n'
run 1 get store --keys keys --missing error
out_is '3\tthree\n1\tone\n'
err_has "store: key '2' not found"
[ "$(wc -l <"$err")" -eq 1 ] || fail 'more than one message'
run 1 get store --keys keys --missing error --batch 1
out_is '3\tthree\n1\tone\n'
printf '1\n3\n' >there
run 0 get store --keys there --missing error
err_empty

for way in skip error; do
    run 1 get store --missing "$way" 3 2 1
    out_is '3\tthree\n1\tone\n'
    err_has "store: key '2' not found"
done
run 1 get store --missing empty 2 1
out_is '2\t\n1\tone\n'
err_has "store: key '2' not found"
run 0 get store 1
err_empty

# Key files with CR LF, with a last line without LF, and without keys.
printf '1\r\n3' >keys
run 0 get store --keys keys
out_is '1\tone\n3\tthree\n'
: >keys
run 0 get store --keys keys
out_is ''
run 0 get store --keys - --stats </dev/null
out_is ''
awk '{ print $1, $2 }' "$err" | grep -qx 'keys 0' || fail 'expected 0 keys in the statistics'
