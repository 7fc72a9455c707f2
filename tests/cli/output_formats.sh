#!/bin/sh
# The output formats tsv, jsonl, raw and binary of get and scan.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

{
    printf '1\tone\n2\t\n3\tquote " backslash \\ tab \t end\n4\tnot text \377\n'
    printf '5\tgr\303\274n \342\202\254 \360\237\230\200\n6\t\001\033\177\302\205\r\n7\tnul\000\n'
} >pairs
build -o store -t u32 pairs
printf '1\n99\n2\n0x1\n' >keys

run 0 scan store -f jsonl
{
    printf '%s\n' '{"key":"1","value":"one"}' '{"key":"2","value":""}' \
        '{"key":"3","value":"quote \" backslash \\ tab \t end"}' \
        '{"key":"4","value_base64":"bm90IHRleHQg/w=="}'
    printf '{"key":"5","value":"gr\303\274n \342\202\254 \360\237\230\200"}\n'
    printf '%s\n' '{"key":"6","value":"\u0001\u001b\u007f\u0085\r"}' \
        '{"key":"7","value":"nul\u0000"}'
} >expected
same expected "$out"
run 0 scan store --output-format jsonl --key-syntax ip --from 0.0.0.1 --to 0.0.0.2
printf '%s\n' '{"key":"0.0.0.1","value":"one"}' '{"key":"0.0.0.2","value":""}' >expected
same expected "$out"
run 0 scan store -f jsonl --order storage --limit 2
printf '%s\n' '{"value":"one"}' '{"value":""}' >expected
same expected "$out"
run 0 get store -f jsonl --missing empty --keys keys
printf '%s\n' '{"key":"1","value":"one"}' '{"key":"99","value":null}' '{"key":"2","value":""}' \
    '{"key":"0x1","value":"one"}' >expected
same expected "$out"
run 0 get store -f jsonl --keys keys
grep -v 99 expected >found
same found "$out"
printf '0\n1\n100\n' >keys
run 0 get store -f jsonl --missing empty --match floor --keys keys
printf '%s\n' '{"key":"0","matched":null,"value":null}' '{"key":"1","matched":"1","value":"one"}' \
    '{"key":"100","matched":"7","value":"nul\u0000"}' >expected
same expected "$out"

# Invalid UTF-8: overlong forms, surrogates, above U+10FFFF, truncated, lone continuation bytes.
{
    printf '1\t\300\200\n2\t\355\240\200\n3\t\364\220\200\200\n4\t\342\202\n5\t\200\n'
    printf '6\t\355\237\277\n7\t\364\217\277\277\n8\t\340\237\277\n9\tABCDEFGH\303\n'
} >pairs
build -o other pairs
run 0 scan other -f jsonl
{
    printf '%s\n' '{"key":"1","value_base64":"wIA="}' '{"key":"2","value_base64":"7aCA"}' \
        '{"key":"3","value_base64":"9JCAgA=="}' '{"key":"4","value_base64":"4oI="}' \
        '{"key":"5","value_base64":"gA=="}'
    printf '{"key":"6","value":"\355\237\277"}\n{"key":"7","value":"\364\217\277\277"}\n'
    printf '%s\n' '{"key":"8","value_base64":"4J+/"}' '{"key":"9","value_base64":"QUJDREVGR0jD"}'
} >expected
same expected "$out"

# base64 of several lengths, compared with coreutils.
if command -v base64 >"$directory/which"; then
    for length in 1 2 3 4 5 100; do
        awk -v n="$length" 'BEGIN { for (i = 0; i < n; i++) printf "%s", "\\0377" }' >escapes
        printf '%b' "$(cat escapes)" >value
        { printf '1\t'; cat value; } >pairs
        build -o other pairs
        run 0 get other -f jsonl 1
        printf '{"key":"1","value_base64":"%s"}\n' "$(base64 -w 0 value)" >expected
        same expected "$out"
    done
fi

# raw: the values only.
run 0 get store -f raw 3 1 1
printf 'quote " backslash \\ tab \t endoneone' >expected
same expected "$out"
run 0 get store -f raw --missing empty --keys keys
printf 'one' >expected
same expected "$out"
run 0 scan store -f raw --to 3
printf 'onequote " backslash \\ tab \t end' >expected
same expected "$out"
run 0 scan store -f raw --order storage --limit 1
out_is 'one'

# Limits: none, zero, more than the number of pairs.
run 0 scan store --limit 0
out_empty
run 0 scan store --limit 1
out_is '1\tone\n'
run 0 scan store -n 18446744073709551615 -f raw --from 1 --to 1
out_is 'one'
run 0 scan store --from 5 --to 4
out_empty
run 0 scan store --from 100
out_empty
run 2 scan store --from x
err_has "--from: expected a key of type u32, got 'x'"
run 2 scan store --to 4294967296
err_has "--to: expected a key of type u32, got '4294967296', which is out of its range"

# Statistics are written to standard error only.
run 0 get store --stats 1 2 1
out_is '1\tone\n2\t\n1\tone\n'
for line in 'calls 1' 'keys 3' 'distinct 2' 'found 3' 'missing 0' 'corrupt 0' 'unreadable 0'; do
    awk '{ print $1, $2 }' "$err" | grep -qx "$line" || fail "statistics lack: $line"
done
for line in probes "$(by_layout index_reads leaf_reads)" record_reads reads/key bytes/key keys/second backend level; do
    grep -q "^$line " "$err" || fail "statistics lack: $line"
done
run 0 get store --stats --batch 1 --keys keys
awk '{ print $1, $2 }' "$err" | grep -qx 'calls 3' || fail 'expected a call per key'
run 0 scan store --stats --limit 1
out_is '1\tone\n'
grep -q '^backend ' "$err" || fail 'scan printed no statistics'
