#!/bin/sh
# TSV input: values of any bytes, several files, standard input.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# The value is the rest of the line: tabs, CRs, NULs, invalid UTF-8, or empty.
printf '3\ta\tb\n1\t\n2\twith CR\r\n5\tnul\0nul\n4\t\377\376\n6\tno line end' >pairs
build -o store pairs
run 0 scan store
printf '1\t\n2\twith CR\r\n3\ta\tb\n4\t\377\376\n5\tnul\0nul\n6\tno line end\n' >expected
same expected "$out"
run 0 scan store --order storage
printf 'a\tb\n\nwith CR\r\nnul\0nul\n\377\376\nno line end\n' >expected
same expected "$out"
run 0 get store 5 4 3
printf '5\tnul\0nul\n4\t\377\376\n3\ta\tb\n' >expected
same expected "$out"

# Files in sequence; the last line of a file may lack its LF.
printf '10\tten' >first
printf '20\ttwenty\n' >second
: >empty
build -o store first empty second
run 0 scan store
out_is '10\tten\n20\ttwenty\n'
build -o store first - second <pairs
run 0 scan store --to 10
printf '1\t\n2\twith CR\r\n3\ta\tb\n4\t\377\376\n5\tnul\0nul\n6\tno line end\n10\tten\n' >expected
same expected "$out"

# Standard input, as "-" or by default.
build -o store - <second
run 0 scan store
out_is '20\ttwenty\n'
build -o store <first
run 0 scan store
out_is '10\tten\n'

# Lines that arrive in pieces.
{
    printf '1'
    sleep 0.1
    printf '\tfi'
    sleep 0.1
    printf 'rst\n2\tsecond\n3'
    sleep 0.1
    printf '\tthird'
} | "$indexkv" build --quiet -o store || fail 'build from a pipe'
run 0 scan store
out_is '1\tfirst\n2\tsecond\n3\tthird\n'

# Without pairs.
build -o store empty
run 0 scan store
out_empty
run 0 scan store --order storage
out_empty
run 1 get store 1
out_empty
err_has "key '1' not found"

# Lines longer than a buffer.
awk 'BEGIN { for (i = 1; i <= 3; i++) { printf "%d\t", i
    for (j = 0; j < 700000; j++) printf "%d,%d;", i, j
    printf "\n" } }' >long
build -o store long
run 0 scan store
same long "$out"
run 0 get store 3 1 2
sed -n '3p;1p' long >expected
{ sed -n 3p long; sed -n 1p long; sed -n 2p long; } >expected
same expected "$out"

# Many lines in random order, looked up in another order with repeats, compared with sort and awk.
awk 'BEGIN { srand(7); for (i = 0; i < 50000; i++) printf "%d\tvalue of %d %s\n", i * 7919 % 50000 * 3, i,
    substr("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 1, int(rand() * 40)) }' >pairs
build -o store pairs
run 0 scan store
sort -n pairs >expected
same expected "$out"
awk 'BEGIN { srand(8); for (i = 0; i < 30000; i++) print int(rand() * 160000) }' >keys
awk -F '\t' 'NR == FNR { value[$1] = $0; next } $1 in value { print value[$1] }' pairs keys >expected
run 0 get store --keys keys
same expected "$out"
run 0 get store --keys - <keys
same expected "$out"
run 0 get store --keys keys --batch 1
same expected "$out"
run 0 get store --keys keys --batch 777
same expected "$out"
cut -f 2- pairs >expected
run 0 scan store --order storage
same expected "$out"
