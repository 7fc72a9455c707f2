#!/bin/sh
# Corruption: the affected keys are reported, with exit status 4; all others are answered.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN { for (i = 0; i < 2000; i++) printf "%d\tvalue-of-%d-is-here\n", i, i }' >pairs
build -o store -t u32 pairs
cp store sound
run 0 verify store
out_has 'store: sound; checked 2000 records'
err_empty

offset_of() {
    grep -abo -- "$1" store | head -n 1 | cut -d : -f 1
}

# A changed byte in a value.
offset=$(offset_of value-of-1234-)
flip store "$((offset + 3))"
grep -v '^1234	' pairs >others
cut -f 1 pairs >keys
run 4 get store --keys keys
same others "$out"
err_has '1234'
run 4 get store --keys keys --batch 100
same others "$out"
run 4 get store 1234
out_empty
err_has '1234'
run 0 get store 1233 1235
err_empty
run 4 get store 1233 1234 1235
out_is '1233\tvalue-of-1233-is-here\n1235\tvalue-of-1235-is-here\n'
run 4 get store 1233 1234 5000
err_has "key '5000' not found"
run 4 get store --missing empty -f jsonl 1234
out_empty
run 4 get store --untrusted 1233
out_empty
err_has '1234'
run 4 scan store --untrusted
out_empty
run 0 get sound --untrusted 1233
out_is '1233\tvalue-of-1233-is-here\n'
run 2 get sound --untrusted --backend mmap 1233
err_has 'untrusted files are not mapped'
run 4 scan store
same others "$out"
err_has '1234'
run 0 scan store --to 1233
run 4 scan store --order storage
run 4 verify store
out_has 'store: corrupt, '
err_has 'store'
grep -q '[0-9]' "$err" || fail 'no offset'
run 4 verify store --json
out_has '"sound":false'
out_has '"checked":true'
out_has '"offset":'
if command -v jq >"$directory/which"; then
    check 0 jq -e '.sound == false and (.problems | length) == .problem_count and
        .problems[0].offset > 23 and .problems[0].code < -1300' "$out"
fi

# Two corrupt records: both are reported.
cp sound store
flip store "$(offset_of value-of-77-)"
flip store "$(offset_of value-of-1500-)"
run 4 get store --keys keys
grep -Ev '^(77|1500)	' pairs >others
same others "$out"
err_has '77'
err_has '1500'
# However batches are executed, the answers are the same, and each corrupt key is reported once, in
# order.
for options in '--batch 1' '--batch 10' '--batch 100 --threads 4' '--batch 1000 --backend pread' \
    '--batch 1000 --threads 2 --barrier' '--probe entry --batch 65' '--batch 2000 --threads 1'; do
    # shellcheck disable=SC2086 # several words
    run 4 get store --keys keys $options
    same others "$out"
    grep -o "key '*[0-9]*" "$err" | tr -d "'" >named
    printf 'key 77\nkey 1500\n' >expected
    same expected named
done
rm expected named
run 4 verify store --max-problems 1
out_has 'corrupt, 1 problem;'

run 4 verify store --memory 8M --temp-dir . --index-memory 1 --quiet
out_has 'corrupt, 2 problems;'
only_files keys others pairs sound store

# A store that is truncated while it is open: keys after that get an error, not an answer.
mkfifo keys_fifo answers_fifo
"$indexkv" get store --batch 1 --index-memory 1 --keys keys_fifo >answers_fifo 2>"$err" &
child=$!
exec 9<answers_fifo 8>keys_fifo
echo 1 >&8
IFS= read -r answer <&9
[ "$answer" = '1	value-of-1-is-here' ] || fail "answered $answer"
: >store
echo 2 >&8
echo 3 >&8
exec 8>&-
last='get from a truncated store'
cat <&9 >"$out"
wait "$child"
status=$?
[ "$status" -eq 5 ] || fail "exit status $status, expected 5"
out_empty
err_has '2'
err_has '3'
exec 9<&-

# The index: an entry of its second page, or of the second leaf, whose entries end 16 bytes before it.
cp sound store
index=$("$indexkv" info store --json | grep -o '"index_start":[0-9]*' | grep -o '[0-9]*$')
leaf=$("$indexkv" info store --json | grep -o '"leaf_size":[0-9]*' | grep -o '[0-9]*$')
flip store "$(by_layout $((index + 4096 + 5)) $((2 * ${leaf:-0} - 18)))"
run 4 get store --keys keys
[ -s "$out" ] || fail 'no key was answered, although only one page is corrupt'
awk -F '\t' 'NR == FNR { good[$0]; next } !($0 in good) { bad = 1 } END { exit bad }' pairs "$out" ||
    fail 'a wrong answer'
run 4 verify store
run 4 scan store

# Bytes of the header and the trailer.
build -o small -t u8 --store-id 000102030405060708090a0b0c0d0e0f --metadata text - <<END
1	one
END
cp small store
cp small sound_small
size=$(($(wc -c <small)))
tried=0
for offset in 0 1 2 3 4 10 11 12 18 19 20 23 24 27 28 30 31 34 35 40 4095 4096 4100 4111 \
    $((size - 200)) $((size - 100)) $((size - 64)) $((size - 33)) $((size - 20)) $((size - 8)) \
    $((size - 1)); do
    cp sound_small store
    flip store "$offset"
    last="verify, byte $offset of $size changed"
    timeout 20 "$indexkv" verify store >"$out" 2>"$err"
    status=$?
    case $status in 3 | 4) ;; *) fail "exit status $status" ;; esac
    tried=$((tried + 1))
done
[ "$tried" -gt 20 ] || fail 'too few bytes were tried'
