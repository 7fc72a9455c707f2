#!/bin/sh
# Binary input, output and keys: key, u32 size, value, little-endian.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# u32 keys 1, 258 and 4294967295; values "one", nothing, a NUL and 0xff.
{
    printf '\002\001\000\000\000\000\000\000'
    printf '\001\000\000\000\003\000\000\000one'
    printf '\377\377\377\377\002\000\000\000\000\377'
} >pairs
build -o store -t u32 -f binary pairs
run 0 scan store
printf '1\tone\n258\t\n4294967295\t\000\377\n' >expected
same expected "$out"

# The output has the same bytes, in key order or in the order of the requested keys.
run 0 scan store -f binary
{
    printf '\001\000\000\000\003\000\000\000one'
    printf '\002\001\000\000\000\000\000\000'
    printf '\377\377\377\377\002\000\000\000\000\377'
} >sorted
same sorted "$out"
run 0 get store -f binary 258 1 4294967295
same pairs "$out"
run 0 scan store --order storage -f binary
# shellcheck disable=SC2059 # escapes
printf "$(by_layout '\000\000\000\000\003\000\000\000one\002\000\000\000\000\377' \
    '\003\000\000\000one\000\000\000\000\002\000\000\000\000\377')" >expected
same expected "$out"
cp "$out" values
run 0 get store -f binary --match floor 259
printf '\003\001\000\000\002\001\000\000\000\000\000\000' >expected
same expected "$out"
run 0 get store -f binary --match ceiling 2
printf '\002\000\000\000\002\001\000\000\000\000\000\000' >expected
same expected "$out"

# Binary keys, found and missing, in all output formats.
printf '\001\000\000\000\005\000\000\000\001\000\000\000' >keys
run 0 get store --keys keys --keys-format binary
out_is '1\tone\n1\tone\n'
run 0 get store --keys - --keys-format binary --missing empty <keys
out_is '1\tone\n5\t\n1\tone\n'
run 0 get store --keys keys --keys-format binary --missing empty -f binary
{
    printf '\001\000\000\000\003\000\000\000one'
    printf '\005\000\000\000\377\377\377\377'
    printf '\001\000\000\000\003\000\000\000one'
} >expected
same expected "$out"
run 0 get store --keys keys --keys-format binary --missing empty -f binary --match floor
{
    printf '\001\000\000\000\001\000\000\000\003\000\000\000one'
    printf '\005\000\000\000\001\000\000\000\003\000\000\000one'
    printf '\001\000\000\000\001\000\000\000\003\000\000\000one'
} >expected
same expected "$out"
printf '\000\000\000\000' >keys
run 0 get store --keys keys --keys-format binary --missing empty -f binary --match floor
printf '\000\000\000\000\000\000\000\000\377\377\377\377' >expected
same expected "$out"
run 1 get store --keys keys --keys-format binary --missing error
err_has "key '0' not found"
run 0 get store --keys keys --keys-format binary --key-syntax ip --missing empty
out_is '0.0.0.0\t\n'
: >keys
run 0 get store --keys keys --keys-format binary
out_empty

# Keys of every type survive a round trip through binary; od shows their bytes.
round() {
    type=$1
    width=$2
    shift 2
    for key in "$@"; do
        printf '%s\tv\n' "$key"
    done >pairs
    build -o store -t "$type" pairs
    run 0 scan store -f binary
    cp "$out" dump
    size=$(($(wc -c <dump)))
    [ "$size" -eq $(($# * (width + 5))) ] || fail "$size bytes of $type"
    build -o again -t "$type" -f binary dump
    run 0 scan again
    run 0 scan store
    same pairs "$out"
}
round u8 1 0 128 255
[ "$(hex <dump)" = 000100000076800100000076ff0100000076 ] || fail 'bytes of u8'
round i8 1 -128 -1 127
[ "$(hex <dump)" = 800100000076ff01000000767f0100000076 ] || fail 'bytes of i8'
round u16 2 1 256
[ "$(hex <dump)" = 0100010000007600010100000076 ] || fail 'bytes of u16'
round i16 2 -2 256
[ "$(hex <dump)" = feff010000007600010100000076 ] || fail 'bytes of i16'
round u32 4 1 4294967295
round i32 4 -2147483648 1
round u64 8 1 18446744073709551615
round i64 8 -9223372036854775808 1
[ "$(hex <dump)" = 0000000000000080010000007601000000000000000100000076 ] || fail 'bytes of i64'
round u128 16 1 340282366920938463463374607431768211455
round i128 16 -2 1
[ "$(hex <dump)" = feffffffffffffffffffffffffffffff0100000076010000000000000000000000000000000100000076 ] ||
    fail 'bytes of i128'
round bytes3 3 000001 0a0b0c
[ "$(hex <dump)" = 00000101000000760a0b0c0100000076 ] || fail 'bytes of bytes3'

# Values larger than a buffer, written to a pipe in pieces.
awk 'BEGIN { for (i = 0; i < 500000; i++) printf "%07d\n", i }' >big
{
    printf '\001\000\000\000\000\011\075\000'
    cat big
    sleep 0.1
    printf '\002\000\000'
    sleep 0.1
    printf '\000\001\000\000\000x'
} | "$indexkv" build --layout="$layout" -q -o store -t u32 -f binary || fail 'a large value'
run 0 get store -f raw 1
same big "$out"
run 0 get store 2
out_is '2\tx\n'

# For truncated input, the message contains the offset of the record.
rm -f store
cut_short() {
    printf '%b' "$1" >pairs
    run 2 build -q -o store -t u32 -f binary pairs
    err_has "pairs: offset $2"
    [ ! -e store ] || fail 'a store was written'
}
cut_short '\0001\0\0' '0: expected a key and a size of 8 bytes, got the end of the file after 3'
cut_short '\0001\0\0\0\0001\0\0\0x\0002\0\0\0\0003\0\0\0ab' \
    '9: expected a value of 3 bytes, got the end of the file after 2'
cut_short '\0001\0\0\0\0377\0377\0377\0x' \
    '0: expected a value of 16777215 bytes, got the end of the file after 1'
cut_short '\0001\0\0\0\0377\0377\0377\0377x' \
    '0: expected a value of at most 268435456 bytes (--memory), got a longer one'
printf '1\tx\n' >pairs
build -o store -t u32 pairs
printf '\001\000\000\000\001' >keys
run 2 get store --keys keys --keys-format binary
err_has 'keys: offset 4: expected a key of 4 bytes, got the end of the file after 1'
out_is '1\tx\n'
