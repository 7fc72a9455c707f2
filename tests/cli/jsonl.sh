#!/bin/sh
# JSON Lines as input, and every output format built again: the same bytes.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

id='--store-id 0123456789abcdef0123456789abcdef'
jsonl() {
    build -f jsonl -o store "$@"
}

# As get and scan write them.
printf '{"key":"5","value":"five"}\n{"key":"18446744073709551615","value_base64":"/wA="}\n' >lines
jsonl lines
run 0 scan store
printf '5\tfive\n18446744073709551615\t\377\0\n' >expected
same expected "$out"

# Members by name; numbers keep their digits; values that are not strings are written as they are.
cat >lines <<'END'
{"id": 18446744073709551614, "name": "Ann \"A\"\n", "more": [1, {"id": 7}]}
 {"name":"\u00e9\ud83d\ude00\/\b\f\r\t\\" , "id" : "12"}

{"more":{"a":[]},"id":3,"name":null}
{"id":4,"name":1.50}
{"id":6,"name":{ "x" : [true,false] }}
{"i\u0064":7,"name":""}
END
run 2 build -o store -f jsonl --key-field id --value-field name lines
err_has "lines:4: expected a value of 'name', got null"
run 0 build -o store -f jsonl --key-field id --value-field name --on-bad-line skip --rejects rejects lines
run 0 scan store --escape
# shellcheck disable=SC1003 # a backslash at the end
printf '%s\n' '4	1.50' '6	{ "x" : [true,false] }' '7	' \
    '12	é😀/'"$(printf '\b\f')"'\r\t\\' '18446744073709551614	Ann "A"\n' >expected
same expected "$out"
[ "$(cut -f 4- rejects)" = '{"more":{"a":[]},"id":3,"name":null}' ] || fail 'unexpected rejects'
# With a key only, the value is the line.
jsonl --key-field id lines
run 0 get store 3 4
out_is '3\t{"more":{"a":[]},"id":3,"name":null}\n4\t{"id":4,"name":1.50}\n'
printf '\357\273\277{"id":1}\r\n{"id":2}\r\n' >lines
jsonl --key-field id lines
run 0 scan store
out_is '1\t{"id":1}\n2\t{"id":2}\n'
printf '{"key":1,"v":2}\n' >lines
jsonl --value-field v lines
run 0 scan store
out_is '1\t2\n'

# Lines that are not valid; each is skipped by itself.
n=0
bad() {
    n=$((n + 1))
    printf '%s\n' '{"key":"1","value":"a"}' "$1" '{"key":"2","value":"b"}' >lines
    run 2 build -o new -f jsonl lines
    err_has "lines:2: expected $2"
    run 0 build -o new -f jsonl --on-bad-line skip lines
    run 0 scan new
    out_is '1\ta\n2\tb\n'
}
bad 'x' 'a JSON object'
bad '[1]' 'a JSON object'
bad '"key"' 'a JSON object'
bad '{' 'a string'
bad '{}' "an object with the member 'key'"
bad '{"key":"3"}' "an object with the member 'value'"
bad '{"key":"3","value":"a"' 'a comma or a closing bracket'
bad '{"key":"3","value":"a",}' 'a string'
bad '{"key":"3","value":"a"}}' 'nothing after the object'
bad '{"key":"3","value":"a"} x' 'nothing after the object'
bad '{"key" "3"}' 'a colon after a name'
bad '{"key":"3","value":"a}' 'a quote at the end of a string'
bad '{"key":"3","value":"a	b"}' 'no control character in a string'
bad '{"key":"3","value":"\x"}' 'a JSON escape after a backslash'
bad '{"key":"3","value":"\u12g4"}' 'a JSON escape after a backslash'
bad '{"key":"3","value":"\ud800"}' "pairs of surrogates in 'value'"
bad '{"key":"3","value":"\udc00\ud800"}' "pairs of surrogates in 'value'"
bad '{"key":"3","value":"a","value":"b"}' 'every name once'
bad '{"key":"3","value":"a","value_base64":"YQ=="}' 'value or value_base64, got both'
bad '{"key":"3","value_base64":"YQ="}' "base64 in 'value'"
bad '{"key":"3","value_base64":"YR=="}' "base64 in 'value'"
bad '{"key":"3","value":01}' 'a comma or a closing bracket'
bad '{"key":"3","value":1.}' 'a digit'
bad '{"key":"3","value":tru}' 'a JSON value'
bad '{"key":"3","value":[1,]}' 'a JSON value'
bad '{"key":"3","value":[1}' 'a comma or a closing bracket'
bad '{"key":-3,"value":""}' "a key of type u64, got '-3', which is out of its range"
bad '{"key":3.0,"value":""}' "a key of type u64, got '3.0'"
bad '{"key":"9","value":null}' "a value of 'value', got null"
deep=$(awk 'BEGIN { for (i = 0; i < 600; i++) printf "[" }')
bad "{\"key\":\"3\",\"value\":$deep" 'at most 512 levels'
run 2 build -o new --key-field id lines
err_has '--key-field requires --input-format jsonl'
run 2 build -o new -f jsonl --ranges lines
err_has "--ranges can't be used with --input-format jsonl"
run 2 build -o new -f csv --value-field id lines
err_has '--value-field requires --input-format jsonl'

# Every output format gives the same store again, with all bytes in values, for several types of keys.
awk 'BEGIN { for (i = 0; i < 256; i++) printf "%02x\n", i }' >octets
again() {
    cp "$out" dump
    # shellcheck disable=SC2086 # several words
    build -o again -t "$type" --key-syntax "$syntax" $id --layout "$layout" "$@" dump
    same store again
}
for pair in u64:auto i128:hex u32:ip u128:ip u128:uuid bytes1:text bytes3:base64 bytes16:uuid; do
    type=${pair%:*}
    syntax=${pair#*:}
    awk -v type="$type" 'BEGIN { srand(2) } {
        n = NR - 1
        if (type == "bytes1") key = $1
        else if (type == "bytes3") key = $1 "0a" $1
        else if (type == "bytes16") key = $1 "0123456789abcdef0123456789" $1 "ff"
        else key = sprintf("%.0f", n * 16777213)
        printf "{\"key\":\"%s\",\"value_base64\":\"", key
        m = int(rand() * 4); for (i = 0; i < m; i++) printf "YWL/AA0K"
        print "CQk=\"}" }' octets >source
    # shellcheck disable=SC2086
    build -o store -f jsonl -t "$type" $id --layout "$layout" source
    run 0 scan store --key-syntax "$syntax" -f jsonl
    again -f jsonl
    run 0 scan store --key-syntax "$syntax" --escape
    again --escape
    run 0 scan store -f binary
    again -f binary
    if [ "$type" != bytes1 ]; then
        cut -d '"' -f 4 source >keys
        run 0 get store --keys keys -f jsonl
        syntax=auto
        again -f jsonl
    fi
done
# NULs end records if there are none in keys and values.
awk 'BEGIN { for (i = 1; i < 256; i++) { c = sprintf("%c", i); printf "{\"key\":%d,\"value\":\"\\u%04x\\n\\t\"}\n", i, i } }' >source
type=u64
syntax=auto
# shellcheck disable=SC2086
build -o store -f jsonl $id --layout "$layout" source
run 0 scan store -0
again -0
