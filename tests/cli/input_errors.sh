#!/bin/sh
# Invalid input and unreadable files: the message contains file and line, no temporary files are left,
# and the old store is unchanged.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

printf '1\told\n' >old
build -o store old
cp store before

bad() {
    printf '%b' "$1" >pairs
    wanted_error=$2
    shift 2
    run 2 build -o store "$@" pairs
    out_empty
    err_has "indexkv: pairs:$wanted_error"
    err_lacks 'pairs/s'
    same before store
    only_files before old pairs store
}
bad '1\ta\nx\tb\n' "2: expected a key of type u64, got 'x'"
bad '1\ta\n2\n3\tc\n' "2: expected a key, a tab and a value, got no tab in '2'"
bad '\n' "1: expected a key, a tab and a value, got no tab in ''" --strict
bad '1 a\n' "1: expected a key, a tab and a value, got no tab in '1 a'"
bad '1,a\n' "1: expected a key, a tab and a value, got no tab in '1,a'; see --input-format csv"
bad '{"key":1}\n' '1: expected a key, a tab and a value, got no tab in '\''{"key":1}'\''; see --input-format jsonl'
bad '\tvalue\n' "1: expected a key of type u64, got ''"
bad '1\ta\n18446744073709551616\tb\n' \
    "2: expected a key of type u64, got '18446744073709551616', which is out of its range"
bad '300\ta\n' "1: expected a key of type u8, got '300', which is out of its range" -t u8
bad '1\ta\n1.2.3\tb\n' "2: expected a key of type u32, got '1.2.3'" -t u32
bad '0011\ta\n001\tb\n' "2: expected a key of type bytes2 as 4 hex digits (see --key-syntax), got '001'" -t bytes2
# The input in messages is truncated, and control characters are escaped.
bad '\0033[2J\0000\0377\n' "1: expected a key, a tab and a value, got no tab in '\\x1b[2J\\x00\\xff'"
bad '123456789012345678901234567890123456789012345678901234567890\ta\n' \
    "1: expected a key of type u64, got '123456789012345678901234567890123456789012345678...', which"
awk 'BEGIN { for (i = 0; i < 100000; i++) printf "%d\tv\n", i; print "end" }' >pairs
run 2 build -o store pairs
err_has "pairs:100001: expected a key, a tab and a value, got no tab in 'end'"
same before store

# The second of two files, and standard input.
printf '5\tfive\n' >good
printf '6\tsix\nbad\n' >pairs
run 2 build -o store good pairs
err_has 'pairs:2: expected'
run 2 build -o store - <pairs
err_has '(standard input):2: expected'
run 2 build -o new - <pairs
[ ! -e new ] || fail 'a store was written'

# Inputs that do not exist or can't be read.
run 5 build -o store good nowhere
err_has 'nowhere: No such file or directory'
run 5 build -o store good .
err_has '.: Is a directory'
run 5 build -o store --metadata-file nowhere good
err_has 'nowhere: No such file or directory'
run 5 get store --keys nowhere
err_has 'nowhere: No such file or directory'
run 5 get store --keys .
err_has '.: Is a directory'
last='build with standard input closed'
"$indexkv" build -o store >"$out" 2>"$err" <&- && fail 'build succeeded without input'
err_has 'Bad file descriptor'
same before store

# Paths where no store can be written.
run 5 build -o nowhere/store good
err_has 'nowhere'
run 3 build -o . good
mkfifo fifo
run 3 build -o fifo good
[ -p fifo ] || fail 'the FIFO was replaced'
run 3 build -o /dev/null good
[ -c /dev/null ] || fail '/dev/null was replaced'
same before store
only_files before fifo good old pairs store

# The limit of metadata.
awk 'BEGIN { for (i = 0; i < 131072; i++) printf "12345678" }' >metadata
build -o new --metadata-file metadata good
printf '9' >>metadata
run 2 build -o new2 --metadata-file metadata good
err_has 'at most 1 MiB'
[ ! -e new2 ] || fail 'a store was written'

# Keys of get: the message contains the line, and the keys before it are answered.
printf '1\n2x\n1\n' >keys
run 2 get store --keys keys
out_is '1\told\n'
err_has "keys:2: expected a key of type u64, got '2x'"
for line in '' '1\t' ' 1' '1 ' '1,2'; do
    printf '1\n%b\n' "$line" >keys
    run 2 get store --keys keys
    err_has 'keys:2: expected a key of type u64'
done
run 2 get store --keys - <keys
err_has '(standard input):2: expected a key of type u64'
run 2 get store x
err_has "expected a key of type u64, got 'x'"
awk 'BEGIN { for (i = 0; i < 100000; i++) printf "0"; print "1" }' >keys
run 2 get store --keys keys
err_has 'keys:1: expected a key of type u64'

# The first line of a file that was made for something else: the message has the option to look at.
# first_line TEXT MESSAGE OPTION...
first_line() {
    printf '%b' "$1" >other
    wanted_error=$2
    shift 2
    run 2 build -o new3 "$@" other
    err_has "other:1: expected "
    err_has "$wanted_error"
}
first_line '{"id":1}\n' "got no tab in '{\"id\":1}'; see --input-format jsonl"
first_line '1,one\n' "got no tab in '1,one'; see --input-format csv"
first_line 'alice\tone\n' "expected a key of type u64, got 'alice'; see --key-type"
first_line 'id,name\n' "expected a key of type u64, got 'id'; see --header and --key-type" -f csv
first_line '{"id":1}\n' "expected an object with the member 'key'; see --key-field" -f jsonl
first_line '{"key":1}\n' "expected an object with the member 'value'; see --value-field" -f jsonl

# Byte strings: how long they must be.
printf 'alice\tone\n' >other
run 2 build -o new3 -t bytes4 -s text other
err_has "other:1: expected a key of type bytes4, got 'alice' of 5 bytes; see --key-type"
printf '\002\000\001\003' >other
run 2 build -o new3 other
err_has 'is it a store? see indexkv merge and export'
printf '\375\067zXZ\000\000\004' >other
run 2 build -o new3 other
err_has "other: compressed with xz, which is not supported: use a pipe from 'xz -dc'"
printf 'BZh91AY&SY' >other
run 2 get store --keys other
err_has "other: compressed with bzip2, which is not supported: use a pipe from 'bzip2 -dc'"
