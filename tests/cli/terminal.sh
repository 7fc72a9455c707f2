#!/bin/sh
# On a terminal: control characters of values are escaped, binary output is refused, the progress line
# is erased at the end, and keys are answered as they are typed. `script` provides the terminal.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

command -v script >"$directory/which" || exit 77
script -qec true /dev/null >"$out" 2>&1 </dev/null || exit 77

# on_terminal COMMAND: run with a terminal as standard output and error, and save its contents in $out.
on_terminal() {
    last=$1
    script -qec "$1" /dev/null </dev/null 2>&1 | tr -d '\r' >"$out"
}

printf '1\tred \033[31m\a bell\n2\ttab\tand gr\303\274n\n3\tC1 \302\233 lone \377\n4\tcr\r\n' >pairs
build -o store pairs

on_terminal "'$indexkv' scan store"
printf '%s\n' '1	red \x1b[31m\x07 bell' "$(printf '2\ttab\tand gr\303\274n')" \
    '3	C1 \xc2\x9b lone \xff' '4	cr\r' >expected
same expected "$out"
on_terminal "'$indexkv' get store 1 -f raw"
printf '%s' 'red \x1b[31m\x07 bell' >expected
same expected "$out"
on_terminal "'$indexkv' get store 1 3 -f jsonl"
printf '%s\n' '{"key":"1","value":"red \u001b[31m\u0007 bell"}' \
    '{"key":"3","value_base64":"QzEgwpsgbG9uZSD/"}' >expected
same expected "$out"
on_terminal "'$indexkv' scan store -f binary; echo status \$?"
out_has 'refusing to write to a terminal'
out_has 'status 2'
on_terminal "'$indexkv' scan store -f binary | wc -c"
grep -q '[0-9]' "$out" || fail 'binary output to a pipe'
on_terminal "'$indexkv' get store '$(printf '\033]0;title\007')'"
out_has '\x1b]0;title\x07'
build -o store --metadata "$(printf 'clear \033[2J')" pairs
on_terminal "'$indexkv' info store"
out_has 'clear \x1b[2J'

# Typed keys: each line is answered before the next one, without waiting for a complete batch.
last='typed keys'
mkfifo typed
script -qec "stty -echo; '$indexkv' get store --keys - --progress never" /dev/null <typed >"$out" 2>&1 &
child=$!
exec 9>typed
sleep 0.5
echo 2 >&9
wait_for grep -q 'tab' "$out"
echo 4 >&9
wait_for grep -q 'cr' "$out"
printf '\004' >&9
exec 9>&-
wait "$child"

# The progress line is shown, updated and erased; the summary follows.
mkfifo slow
(
    for i in 1 2 3 4 5 6; do
        awk -v i=$i 'BEGIN { for (k = 0; k < 20000; k++) printf "%d\tv\n", i * 20000 + k }'
        sleep 0.25
    done
) >slow &
on_terminal "'$indexkv' build -o new slow"
wait
out_has 'read: '
out_has ' pairs, '
tr '\r' '\n' <"$out" | grep -q '120000 pairs, 0 dropped' || fail 'no summary'
on_terminal "'$indexkv' build -q -o new pairs"
out_empty
on_terminal "'$indexkv' build --progress never -o new pairs"
[ "$(wc -l <"$out")" -eq 1 ] || fail 'more than the summary'

# Tables of measurements fit the terminal: parameters that are the same in all rows are above the table,
# and less important metrics are left out. Wider terminals get more columns.
# widest: the length of the longest line of $out that is no fact.
widest() { grep -v '^#' "$out" | awk '{ if (length > most) most = length } END { print most }'; }
head -c 1048576 /dev/zero >file
seek="'$indexkv' seek file --cached -n 20 --repeat 5 --warm-up 0 -q"
for width in 80 100; do
    on_terminal "stty cols $width; $seek --test depth,distance,order,probes,burst --depth 1..64 --backend pread"
    [ "$(widest)" -le "$width" ] || fail "a table is wider than $width columns"
    out_has 'All rows: '
    out_has 'index search'
    # Without io_uring there are fewer columns, which may all fit a wider terminal.
    [ "$width" -gt 80 ] || out_has 'Left out for the width of the terminal: '
    on_terminal "stty cols $width; '$indexkv' bench store --state warm --batch 1,4 --time 0.01 --repeat 5 -q"
    [ "$(widest)" -le "$width" ] || fail "the table of bench is wider than $width columns"
    out_has 'lookups'
done
on_terminal "stty cols 80; $seek --test depth --depth 1,2 --backend pread --block 4K,8K"
grep '^block' "$out" >narrow || fail 'a parameter is missing'
on_terminal "stty cols 300; $seek --test depth --depth 1,2 --backend pread --block 4K,8K"
grep -q '^backend  block ' "$out" || fail 'a wide terminal lacks parameters'
out_has 'reads/call'
grep '^backend' "$out" >wide
[ "$(wc -w <wide)" -gt "$(wc -w <narrow)" ] || fail 'a wide terminal has no more columns'
if grep -q '^All rows\|^Left out' "$out"; then fail 'a wide terminal lacks columns'; fi
