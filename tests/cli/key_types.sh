#!/bin/sh
# Every key type: minimum and maximum, order, keys out of range, and key syntax.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# try TYPE BELOW ABOVE KEY...: keys in ascending order. BELOW and ABOVE are out of range ('': none).
try() {
    type=$1
    below=$2
    above=$3
    shift 3
    printf '%s\n' "$@" | awk '{ printf "%s\tvalue of %s\n", $1, $1 }' >ascending
    awk '{ line[NR] = $0 } END { for (i = NR; i > 0; i--) print line[i] }' ascending >descending
    for order in ascending descending; do
        build -o "$type.$order" --key-type "$type" "$order"
        run 0 scan "$type.$order"
        same ascending "$out"
        run 0 scan "$type.$order" --order storage
        cut -f 2- "$(by_layout "$order" ascending)" >expected
        same expected "$out"
        run 0 get "$type.$order" "$@"
        same ascending "$out"
        run 0 get "$type.$order" --key-type "$type" --match floor "$@"
        awk -F '\t' '{ printf "%s\t%s\n", $1, $0 }' ascending >expected
        same expected "$out"
        run 0 get "$type.$order" --match ceiling "$@"
        same expected "$out"
        run 0 verify --quiet "$type.$order"
    done
    for key in $below $above; do
        run 2 get "$type.ascending" -- "$key"
        err_has "expected a key of type $type, got '$key', which is out of its range"
        printf '%s\tx\n' "$key" | "$indexkv" build -t "$type" -o new 2>"$err" &&
            fail "$key was accepted as $type"
        err_has "(standard input):1: expected a key of type $type, got '$key', which is out of"
    done
    for key in '' ' 1' '1 ' x 0x 1.5 1e3 - +; do
        run 2 get "$type.ascending" -- "$key"
        err_has "expected a key of type $type"
        err_has ", got '$key'"
    done
}

try u8 -1 256 0 1 127 128 255
try u16 -1 65536 0 1 255 256 32768 65535
try u32 -1 4294967296 0 1 65536 2147483648 4294967295
try u64 -1 18446744073709551616 0 1 4294967296 9223372036854775808 18446744073709551615
try u128 -1 340282366920938463463374607431768211456 0 1 18446744073709551615 18446744073709551616 \
    170141183460469231731687303715884105728 340282366920938463463374607431768211455
try i8 -129 128 -128 -1 0 1 127
try i16 -32769 32768 -32768 -256 -1 0 1 255 32767
try i32 -2147483649 2147483648 -2147483648 -65536 -1 0 1 2147483647
try i64 -9223372036854775809 9223372036854775808 \
    -9223372036854775808 -4294967296 -1 0 1 9223372036854775807
try i128 -170141183460469231731687303715884105729 170141183460469231731687303715884105728 \
    -170141183460469231731687303715884105728 -18446744073709551616 -1 0 1 \
    170141183460469231731687303715884105727
try bytes1 '' '' 00 01 7f 80 ff
try bytes2 '' '' 0000 00ff 0100 ff00 ffff
try bytes3 '' '' 000000 7fffff 800000
try bytes20 '' '' 0000000000000000000000000000000000000000 \
    00ff000000000000000000000000000000000000 deadbeefdeadbeefdeadbeefdeadbeefdeadbeef
long=$(awk 'BEGIN { for (i = 0; i < 127; i++) printf "a5" }')
try bytes128 '' '' "00$long" "${long}00" "${long}01" "ff$long"

# Byte strings must have the length of their type.
for key in 00 00000 000000 0x00 gggg; do
    run 2 get bytes2.ascending "$key"
    err_has "expected a key of type bytes2 as 4 hex digits (see --key-syntax), got '$key'"
done
run 0 get bytes2.ascending 0x00ff 00FF
out_is '0x00ff\tvalue of 00ff\n00FF\tvalue of 00ff\n'

# Hexadecimal keys of any type; the output repeats the key as it was given.
run 0 get u8.ascending 0xff 0xFF 0x00 255
out_is '0xff\tvalue of 255\n0xFF\tvalue of 255\n0x00\tvalue of 0\n255\tvalue of 255\n'
run 0 get --key-syntax hex u8.ascending ff 0x7f
out_is 'ff\tvalue of 255\n0x7f\tvalue of 127\n'
run 0 get i16.ascending -- -0x8000 -0x1 +1
out_is '-0x8000\tvalue of -32768\n-0x1\tvalue of -1\n+1\tvalue of 1\n'
run 2 get --key-syntax dec u8.ascending 0xff
run 0 scan --key-syntax hex i8.ascending
out_is '-0x80\tvalue of -128\n-0x01\tvalue of -1\n0x00\tvalue of 0\n0x01\tvalue of 1\n0x7f\tvalue of 127\n'
run 0 scan --key-syntax hex u32.ascending --from 10000
out_is '0x00010000\tvalue of 65536\n0x80000000\tvalue of 2147483648\n0xffffffff\tvalue of 4294967295\n'
run 0 scan u32.ascending --from 0x10000 --to 65536
out_is '0x00010000\tvalue of 65536\n'
run 0 scan --key-syntax hex bytes2.ascending --limit 2
out_is '0000\tvalue of 0000\n00ff\tvalue of 00ff\n'

# Negative keys do not require "--".
run 0 get i8.ascending -128 -1
out_is '-128\tvalue of -128\n-1\tvalue of -1\n'
run 0 scan i8.ascending --from -1 --to 0
out_is '-1\tvalue of -1\n0\tvalue of 0\n'

# IPv4 and IPv6.
printf '0.0.0.0\tnone\n192.0.2.1\ttest\n255.255.255.255\tall\n16909060\tcounting\n' >addresses
build -o ipv4 -t u32 addresses
run 0 get ipv4 192.0.2.1 3221225985 0xc0000201 1.2.3.4
out_is '192.0.2.1\ttest\n3221225985\ttest\n0xc0000201\ttest\n1.2.3.4\tcounting\n'
run 0 scan ipv4 --key-syntax ip
out_is '0.0.0.0\tnone\n1.2.3.4\tcounting\n192.0.2.1\ttest\n255.255.255.255\tall\n'
run 0 scan ipv4
out_is '0\tnone\n16909060\tcounting\n3221225985\ttest\n4294967295\tall\n'
run 0 scan ipv4 --from 1.2.3.5
out_is '192.0.2.1\ttest\n255.255.255.255\tall\n'
run 0 get ipv4 --match floor 192.0.2.200 3221226000 0xc0000210
out_is '192.0.2.200\t192.0.2.1\ttest\n3221226000\t3221225985\ttest\n0xc0000210\t0xc0000201\ttest\n'
run 0 get ipv4 --match floor --key-syntax ip 192.0.2.200
out_is '192.0.2.200\t192.0.2.1\ttest\n'
for key in 1.2.3 1.2.3.256 1.2.3.4.5 1.2.3. 1..2.3; do
    run 2 get ipv4 "$key"
done
run 2 get ipv4 --key-syntax ip 3221225985
printf '::\tany\n::1\tloopback\n2001:db8::1\tdocumentation\nfe80::1:2\tlink\n' >addresses
printf 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\tlast\n' >>addresses
build -o ipv6 -t u128 addresses
run 0 scan ipv6 --key-syntax ip
same addresses "$out"
run 0 get ipv6 2001:0DB8:0:0:0:0:0:1 1 ::1
out_is '2001:0DB8:0:0:0:0:0:1\tdocumentation\n1\tloopback\n::1\tloopback\n'
run 0 get ipv6 --match floor 2001:db8::ffff
out_is '2001:db8::ffff\t2001:db8::1\tdocumentation\n'
run 0 get ipv6 --match ceiling 2
out_is '2\t42540766411282592856903984951653826561\tdocumentation\n'
for key in : ::: 1:2:3 2001:db8::1::2 12345:: ::g; do
    run 2 get ipv6 "$key"
done

# The store records its key type; another one is an error.
run 3 get u32.ascending --key-type u64 1
run 3 scan i32.ascending --key-type u32
run 3 info bytes2.ascending --key-type u16
run 3 verify u8.ascending --key-type i8
