#!/bin/sh
# get --and-then: the first store that has a key answers, compared with awk.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN { for (i = 0; i < 3000; i++) printf "%d\tnew%d\n", i * 7, i }' >new.tsv
awk 'BEGIN { for (i = 0; i < 3000; i++) printf "%d\tmiddle%d\n", i * 5, i }' >middle.tsv
awk 'BEGIN { for (i = 0; i < 9000; i++) printf "%d\told%d\n", i * 3, i }' >old.tsv
awk 'BEGIN { srand(6); for (i = 0; i < 20000; i++) print int(rand() * 30000) }' >keys
for name in new middle old; do
    build -o $name $name.tsv
done

# answers FILE...: for each key the pair of the first file that has it.
answers() {
    awk -F '\t' 'FILENAME != "keys" { if (!($1 in value)) value[$1] = $2; next }
        $1 in value { print $1 "\t" value[$1] }' "$@" keys
}
answers new.tsv middle.tsv old.tsv >expected
answers new.tsv old.tsv >two
for batch in 65536 1000 33; do
    run 0 get new --and-then middle --and-then old --keys keys --batch "$batch"
    same expected "$out"
done
run 0 get new --and-then old --keys keys --index-memory 1 --backend pread
same two "$out"
run 0 get new --and-then middle --and-then old --keys keys --missing empty
[ "$(wc -l <"$out")" -eq 20000 ] || fail 'expected a line for each key'
grep -v '	$' "$out" >found
same expected found

# KEY arguments; floor: the first store with a match answers.
run 1 get new --and-then old 7 9 1
out_is '7\tnew1\n9\told3\n'
err_has "key '1' not found"
run 0 get new --and-then old -m ceiling 20994
out_is '20994\t20994\told6998\n'

# Errors: another key type, damage in a later store, a store that does not exist.
build -o narrow -t u32 old.tsv
run 3 get new --and-then narrow 5
err_has 'narrow'
run 5 get new --and-then missing 5
err_has 'missing'
printf '9\tnine\n' >one.tsv
build -o one one.tsv
flip one 29
run 4 get new --and-then one 7 9
out_is '7\tnew1\n'
err_has 'one: '
