#!/bin/sh
# Syntaxes of keys: addresses of both families, UUIDs, raw text, base64.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# A log with addresses of both families, in both kinds of stores.
printf '192.0.2.1\ttest\n::ffff:198.51.100.7\tmapped\n0:0:0:0:0:ffff:cb00:7101\thex\n' >addresses
printf '192.0.2.1\n::ffff:192.0.2.1\n198.51.100.7\n::FFFF:c633:6407\n203.0.113.1\n2001:db8::1\n' >log
build -o four -t u32 addresses
run 0 scan four --key-syntax ip
out_is '192.0.2.1\ttest\n198.51.100.7\tmapped\n203.0.113.1\thex\n'
run 0 get four --keys log --on-bad-line skip --missing empty
out_is '192.0.2.1\ttest\n::ffff:192.0.2.1\ttest\n198.51.100.7\tmapped\n::FFFF:c633:6407\tmapped\n203.0.113.1\thex\n2001:db8::1\t\n'
err_has "log:6: expected a key of type u32, got '2001:db8::1', which is out of its range"
printf '2001:db8::1\tdoc\n' >>addresses
build -o six -t u128 addresses
run 0 scan six --key-syntax ip
out_is '::ffff:192.0.2.1\ttest\n::ffff:198.51.100.7\tmapped\n::ffff:203.0.113.1\thex\n2001:db8::1\tdoc\n'
run 0 get six --keys log
out_is '192.0.2.1\ttest\n::ffff:192.0.2.1\ttest\n198.51.100.7\tmapped\n::FFFF:c633:6407\tmapped\n203.0.113.1\thex\n2001:db8::1\tdoc\n'
run 0 get six --match floor 192.0.2.200
out_is '192.0.2.200\t::ffff:192.0.2.1\ttest\n'
run 0 get four --match floor ::ffff:192.0.2.200
out_is '::ffff:192.0.2.200\t192.0.2.1\ttest\n'

# UUIDs as numbers and as byte strings, which have the same order.
printf '%s\n' 00000000-0000-0000-0000-000000000001 550e8400-e29b-41d4-a716-446655440000 \
    ffffffff-ffff-4fff-bfff-ffffffffffff | awk '{ print $1 "\tvalue " NR }' >uuids
for type in u128 bytes16; do
    build -o $type -t $type uuids
    run 0 scan $type --key-syntax uuid
    same uuids "$out"
    run 0 get $type 550E8400-E29B-41D4-A716-446655440000
    out_is '550E8400-E29B-41D4-A716-446655440000\tvalue 2\n'
    run 0 get $type --match floor 550e8400-e29b-41d4-a716-44665544ffff
    out_is '550e8400-e29b-41d4-a716-44665544ffff\t550e8400-e29b-41d4-a716-446655440000\tvalue 2\n'
    run 2 get $type 550e8400-e29b-41d4-a716-44665544000
    run 0 scan $type --from 550e8400-e29b-41d4-a716-446655440000 --limit 1
    out_is '550e8400-e29b-41d4-a716-446655440000\tvalue 2\n'
done
run 0 get bytes16 550e8400e29b41d4a716446655440000
out_is '550e8400e29b41d4a716446655440000\tvalue 2\n'
run 0 get u128 1
out_is '1\tvalue 1\n'

# Raw text of exactly the width of the keys, and base64.
printf 'AUT\tAustria\nBEL\tBelgium\r\nCH \tSwitzerland\n' >codes
build -o text -t bytes3 --key-syntax text --lf codes
run 0 scan text -q --key-syntax text
same codes "$out"
run 0 get text -q --key-syntax text BEL 'CH '
out_is 'BEL\tBelgium\r\nCH \tSwitzerland\n'
run 0 get text 415554
out_is '415554\tAustria\n'
run 0 scan text -q --key-syntax base64
out_is 'QVVU\tAustria\nQkVM\tBelgium\r\nQ0gg\tSwitzerland\n'
cp "$out" dump
build -o again -t bytes3 --key-syntax base64 --lf dump
run 0 get again --key-syntax text AUT
out_is 'AUT\tAustria\n'
run 0 scan text --key-syntax text -f jsonl --limit 1
out_is '{"key":"AUT","value":"Austria"}\n'
for key in AU AUTO; do
    run 2 get text --key-syntax text $key
    err_has "expected a key of type bytes3, got '$key'"
done
# Marks and CRs are removed if they make a key too long, and belong to it otherwise.
printf '\357\273\277AUT\r\nBEL\n' >keys
run 0 get text -q --key-syntax text --keys keys
out_is 'AUT\tAustria\nBEL\tBelgium\r\n'
printf '\357\273\277\tmark\nab\r\tcr\nx\ty\tsplit\n' >odd
run 0 build -o store_of_odd -t bytes3 --key-syntax text --on-bad-line skip odd
run 0 scan store_of_odd --key-syntax text -q
out_is 'ab\r\tcr\n\0357\0273\0277\tmark\n'
printf '\357\273\277\nab\r\n' >keys
run 0 get store_of_odd --key-syntax text -q --keys keys
out_is '\0357\0273\0277\tmark\nab\r\tcr\n'
# Keys of any bytes, with escapes and NULs.
printf '610a09\tone\n5c0d0a\ttwo\n096162\tthree\n' >hex
build -o any -t bytes3 hex --store-id 0123456789abcdef0123456789abcdef -d error
run 0 scan any --key-syntax text --escape
out_is '\\tab\tthree\n\\\\\\r\\n\ttwo\na\\n\\t\tone\n'
cp "$out" dump

cut -f 1 dump >keys
run 0 get any --key-syntax text --escape --keys keys
same dump "$out"
run 0 scan any --key-syntax text
err_has 'any: 3 lines contain more tabs or line breaks, the first that of key '

# Syntaxes that a type does not have.
run 2 get four --key-syntax uuid 1
err_has "--key-syntax uuid can't be used for keys of type u32"
run 2 get four --key-syntax text 1
err_has "--key-syntax text can't be used for keys of type u32"
run 2 build -o new -t u64 --key-syntax base64 codes
err_has "--key-syntax base64 can't be used for keys of type u64"
