#!/bin/sh
# Invalid lines with --on-bad-line, --rejects and --max-rejects, in build and get.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# ---------------------------------------------------------------- build, tsv

printf '1\tone\nx\ttwo\n3\n4\tfour\n18446744073709551616\tfive\n6\tsix' >pairs
run 2 build -o store pairs
err_has "pairs:2: expected a key of type u64, got 'x'"
run 2 build -o store --on-bad-line stop pairs
[ ! -e store ] || fail 'a store was written'

run 0 build -o store --on-bad-line skip pairs
err_has "indexkv: pairs:2: expected a key of type u64, got 'x'; bad lines are skipped"
err_has 'indexkv: store: 3 pairs, 0 dropped, 3 bad lines skipped, '
[ "$(wc -l <"$err")" -eq 2 ] || fail 'more than one bad line was reported'
run 0 scan store
out_is '1\tone\n4\tfour\n6\tsix\n'
build -o store --on-bad-line skip pairs

# The file of rejects: input, line, reason, and the line as it was.
run 0 build -o store --on-bad-line skip --rejects rejects pairs
err_has '3 bad lines skipped, '
[ "$(wc -l <"$err")" -eq 1 ] || fail 'a line was reported, though it is in the rejects'
{
    printf "pairs\\t2\\texpected a key of type u64, got 'x'\\tx\\ttwo\\n"
    printf "pairs\\t3\\texpected a key, a tab and a value, got no tab in '3'\\t3\\n"
    printf "pairs\\t5\\texpected a key of type u64, got '18446744073709551616', which is out of its range"
    printf '\t18446744073709551616\tfive\n'
} >expected
same expected rejects
cut -f 4- rejects >again
printf 'x\ttwo\n3\n18446744073709551616\tfive\n' >expected
same expected again
# One line; no lines.
printf 'x\n1\ta\n' >one
run 0 build -o store --on-bad-line skip one
err_has ' 1 bad line skipped, '
printf '1\ta\n' >one
run 0 build -o store --on-bad-line skip --rejects rejects one
err_has ' 0 bad lines skipped, '
[ ! -s rejects ] || fail 'the old rejects were kept'
# Several inputs, standard input, bytes that are not text, a name with a tab.
printf 'y\0\0377\033[2J\r\n2\tb\nz\n' >"$(printf 'in\tput')"
run 0 build -o store --on-bad-line skip -d first --rejects rejects pairs "$(printf 'in\tput')" - <one
[ "$(cut -f 1,2 rejects | tr '\t\n' '  ')" = 'pairs 2 pairs 3 pairs 5 in\tput 1 in\tput 3 ' ] ||
    fail 'unexpected names or numbers'
printf 'y\0\0377\033[2J\r\n' >expected
sed -n 4p rejects | cut -f 4- >again
same expected again

# --max-rejects
cp store before
run 0 build -o store --on-bad-line skip --max-rejects 3 pairs
cp before store
run 2 build -o store --on-bad-line skip --max-rejects 2 --rejects rejects pairs
err_has "pairs:5: expected a key of type u64, got '18446744073709551616', which is out of its range; more than 2 bad lines"
same before store
[ "$(wc -l <rejects)" -eq 3 ] || fail 'expected three rejects'
run 2 build -o store --on-bad-line skip --max-rejects 0 pairs
err_has "pairs:2: expected a key of type u64, got 'x'; more than 0 bad lines"
same before store

# A hundred thousand bad lines among the good ones, compared with awk.
awk 'BEGIN { srand(5); for (i = 0; i < 100000; i++) {
    r = rand(); if (r < 0.3) print i; else if (r < 0.6) print "k" i "\tv"; else print i "\tvalue " i } }' >mixed
run 0 build -o store --on-bad-line skip --rejects rejects mixed
awk -F '\t' '$1 ~ /^[0-9]+$/ && NF == 2' mixed >expected
run 0 scan store
same expected "$out"
cut -f 2,4- rejects >again
awk -F '\t' -v OFS='\t' '!($1 ~ /^[0-9]+$/ && NF == 2) { print NR, $0 }' mixed >expected
same expected again

# Not what they are for.
for option in '--rejects rejects' '--max-rejects 5'; do
    # shellcheck disable=SC2086 # two words
    run 2 build -o store $option pairs
    err_has "${option% *} requires --on-bad-line skip"
done
run 2 build -o store --on-bad-line skip -f binary pairs
err_has "--on-bad-line can't be used with --input-format binary"
for file in pairs ./pairs store new; do
    run 2 build -o "$([ $file = new ] && echo new || echo store)" --on-bad-line skip --rejects $file pairs
    err_has "$file: --rejects can't be the store or an input file"
done
[ ! -e new ] || fail 'a file was created'
[ "$(wc -l <pairs)" -eq 5 ] || fail 'the input was truncated'
run 5 build -o store --on-bad-line skip --rejects nowhere/rejects pairs
err_has 'nowhere/rejects: No such file or directory'
if [ -c /dev/full ]; then
    cp before store
    run 5 build -o store --on-bad-line skip --rejects /dev/full pairs
    err_has '/dev/full: write error'
    same before store
fi

# ---------------------------------------------------------------- build, csv

printf '1,a,x\n2,"b"c,y\nz,d,z\n4\n5,"two\nlines",v\n"q\n6",e,w\n7,f' >rows
run 0 build -o store -f csv -v 2,3 --on-bad-line skip --rejects rejects rows
run 0 scan store
out_is '1\ta,x\n5\t"two\nlines",v\n'
{
    printf 'rows\t2\texpected a delimiter or the end of the line after a closing quote\t2,"b"c,y\n'
    printf "rows\\t3\\texpected a key of type u64, got 'z'\\tz,d,z\\n"
    printf 'rows\t4\texpected at least 2 columns, got 1\t4\n'
    printf "rows\\t7\\texpected a key of type u64, got 'q\\\\n6'\\t\"q\\n6\",e,w\\n"
    printf 'rows\t9\texpected at least 3 columns, got 2\t7,f\n'
} >expected
same expected rejects
# An unclosed quote takes only its line, not the rest of the file.
printf '1,a\n2,"b\n3,c\n4,d\n' >rows
run 0 build -o store -f csv --on-bad-line skip --rejects rejects rows
run 0 scan store
out_is '1\t1,a\n3\t3,c\n4\t4,d\n'
printf 'rows\t2\texpected a closing quote before the end of the file\t2,"b\n' >expected
same expected rejects
# A bad header is not skipped.
run 2 build -o store -f csv --header -k id --on-bad-line skip rows
err_has "rows:1: expected a header with the column 'id'"
printf '"a"b\n1,2\n' >rows
run 2 build -o store -f csv --header --on-bad-line skip rows
err_has 'rows:1: expected a delimiter'

# ---------------------------------------------------------------- get

printf '1\tone\n3\tthree\n' >pairs
build -o store pairs
printf '3\nx\n2\n1\n-1\ny y' >keys
run 2 get store --keys keys
out_is '3\tthree\n'
run 0 get store --keys keys --on-bad-line skip
out_is '3\tthree\n1\tone\n'
err_has "keys:2: expected a key of type u64, got 'x'; bad lines are skipped"
err_has 'indexkv: keys: 3 bad lines skipped'
run 0 get store --keys keys --on-bad-line skip --quiet
err_empty
# A skipped line keeps its place, for all batch sizes.
for batch in 1 2 3 65536; do
    run 0 get store --keys keys --on-bad-line skip --missing empty --batch $batch
    out_is '3\tthree\nx\t\n2\t\n1\tone\n-1\t\ny y\t\n'
done
run 0 get store --keys keys --on-bad-line skip --missing empty -f jsonl --match floor
printf '%s\n' '{"key":"3","matched":"3","value":"three"}' '{"key":"x","matched":null,"value":null}' \
    '{"key":"2","matched":"1","value":"one"}' '{"key":"1","matched":"1","value":"one"}' \
    '{"key":"-1","matched":null,"value":null}' '{"key":"y y","matched":null,"value":null}' >expected
same expected "$out"
run 0 get store --keys keys --on-bad-line skip --missing empty -f binary
none=ffffffff
printf '%s' 0300000000000000 050000007468726565 0000000000000000 $none 0200000000000000 $none \
    0100000000000000 030000006f6e65 0000000000000000 $none 0000000000000000 $none >expected
hex <"$out" >actual
same expected actual
run 1 get store --keys keys --on-bad-line skip --missing error
out_is '3\tthree\n1\tone\n'
err_has "keys:2: expected a key of type u64, got 'x'"
err_has "keys:5: expected a key of type u64, got '-1', which is out of its range"
err_has "keys:6: expected a key of type u64, got 'y y'"
err_has "store: key '2' not found"
run 0 get store --keys keys --on-bad-line skip --rejects rejects --stats
[ "$(awk '$1 == "bad_lines" || $1 == "keys" { printf "%s %s;", $1, $2 }' "$err")" = 'keys 3;bad_lines 3;' ] ||
    fail 'unexpected statistics'
printf "keys\\t2\\texpected a key of type u64, got 'x'\\tx\\n" >expected
printf "keys\\t5\\texpected a key of type u64, got '-1', which is out of its range\\t-1\\n" >>expected
printf "keys\\t6\\texpected a key of type u64, got 'y y'\\ty y\\n" >>expected
same expected rejects
run 2 get store --keys keys --on-bad-line skip --max-rejects 1
out_is '3\tthree\n1\tone\n'
err_has 'keys:5: '
err_has '; more than 1 bad lines'
# Only bad lines; a pipe; a line longer than any key.
printf 'a\nb\n' >bad
run 0 get store --keys bad --on-bad-line skip
out_empty
run 0 get store --keys bad --on-bad-line skip --missing empty --stats
out_is 'a\t\nb\t\n'
last='get from a pipe'
{ printf 'x\n1\n'; sleep 0.1; printf 'y'; sleep 0.1; printf '\n3\n'; } |
    "$indexkv" get store --keys - --on-bad-line skip --missing empty --batch 1 >"$out" 2>"$err" || fail 'get failed'
out_is 'x\t\n1\tone\ny\t\n3\tthree\n'
err_has "(standard input):1: expected a key of type u64, got 'x'"
awk 'BEGIN { for (i = 0; i < 3000000; i++) printf "7"; print ""; print 1 }' >keys
run 0 get store --keys keys --on-bad-line skip --rejects rejects
out_is '1\tone\n'
cut -f 4- rejects | head -n 1 >actual
head -n 1 keys >expected
same expected actual
run 0 get store --keys keys --on-bad-line skip --missing empty
[ "$(wc -l <"$out")" -eq 2 ] || fail 'the long line lost its place'
run 2 get store --on-bad-line skip 1
err_has '--on-bad-line requires --keys'
run 2 get store --on-bad-line skip --keys keys --keys-format binary
err_has '--on-bad-line requires --keys and --keys-format text'
run 2 get store --max-rejects 1 --keys keys
err_has '--max-rejects requires --on-bad-line skip'

# ---------------------------------------------------------------- memory

# Lines that never have a tab, and lines longer than --memory, are refused before they are in memory.
lines() {
    awk -v first="$1" 'BEGIN { printf "%s", first
        for (i = 0; i < 1024; i++) x = x "0123456789abcdef"
        for (i = 0; i < 40 * 64; i++) printf "%s", x
        print ""; print "5\tfive" }'
}
lines '' >tabless
lines "$(printf '6\t')" >long
for file in tabless long; do
    run 2 build -o new -m 8M $file
    [ $file = tabless ] && err_has "tabless:1: expected a key, a tab and a value, got no tab in '0123456789abcdef"
    [ $file = long ] && err_has 'long:1: expected a line of at most 8388608 bytes (--memory), got a longer one'
    run 0 build -o new -m 8M --on-bad-line skip --rejects rejects $file
    run 0 scan new
    out_is '5\tfive\n'
    head -n 1 $file >expected
    cut -f 4- rejects >actual
    same expected actual
done
build -o new -m 64M long
run 0 get new -f raw 6
[ "$(wc -c <"$out")" -eq $((40 << 20)) ] || fail 'the long value was cut'
run 2 build -o new -f csv -m 8M tabless
err_has 'tabless:1: expected a row of at most 8388608 bytes (--memory), got a longer one'
# With less address space than a line takes, if the command starts at all (not with sanitizers).
limited() {
    # shellcheck disable=SC3045 # known to the shells of Debian and the BSDs
    (ulimit -v 40000 && exec "$indexkv" build -q -o new -m 8M "$@") >"$out" 2>"$err"
}
if limited pairs; then
    for file in tabless long; do
        last="build $file with little memory"
        limited --on-bad-line skip --rejects rejects $file || fail 'it failed'
        [ "$(wc -l <rejects)" -eq 1 ] || fail 'expected one bad line'
    done
fi
