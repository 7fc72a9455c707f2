#!/bin/sh
# Usage errors: a message that names the mistake, and exit status 2.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

printf '1\tone\n' >pairs
build -o store pairs

run 2
err_has 'expected a command'
run 2 frobnicate
err_has "unknown command 'frobnicate'"
err_has "Try 'indexkv --help'."
run 2 --frobnicate
err_has "unknown option '--frobnicate'"
run 2 help frobnicate
err_has "unknown command 'frobnicate'"

run 0 --version
grep -Eqx 'indexkv [0-9]+\.[0-9]+\.[0-9]+' "$out" || fail 'unexpected version'
run 0 -V

for command in $(supported_commands); do
    run 2 "$command" --no-such-option
    err_has "unknown option '--no-such-option'"
    err_has "Try 'indexkv $command --help'."
    run 2 "$command" -Z
    err_has "unknown option '-Z'"
    run 2 "$command"
    err_has 'expected'
    run 2 "$command" --help=yes
    err_has "option '--help' takes no argument"
done

run 2 build pairs
err_has 'expected -o STORE'
run 2 build -o - pairs
err_has "--output: can't write a store to standard output"
run 2 build pairs -o
err_has "option '-o' requires an argument: STORE"
run 2 build pairs --output
err_has "option '--output' requires an argument: STORE"
run 2 get store
err_has 'expected a KEY'
run 2 get store --keys pairs 1
err_has 'are mutually exclusive'
run 2 get store --keys-format binary 1
err_has '--keys-format requires --keys'
run 2 scan store other
err_has "extra operand 'other'"
run 2 info store other
run 2 verify store other

# Messages list the valid choices.
run 2 get store --match nearest 1
err_has "--match: expected one of exact|floor|ceiling|range, got 'nearest'"
run 2 get store --missing maybe 1
err_has 'skip|empty|error'
run 2 get store --output-format xml 1
err_has 'tsv|jsonl|raw|binary'
run 2 get store --keys pairs --keys-format csv
err_has 'text|binary'
run 2 get store --key-syntax octal 1
err_has 'auto|dec|hex|ip|uuid|text|base64'
run 2 get store --probe cell 1
err_has "--probe: expected one of page|entry, got 'cell'"
run 2 get store --backend fast 1
err_has "--backend: expected one of auto|pread|uring|mmap, got 'fast'"
run 2 get store --progress sometimes 1
err_has 'auto|always|never'
run 2 get store --stride 16 1
err_has '24|32'
run 2 scan store --order random
err_has 'key|storage'
run 2 build -o new --input-format json pairs
err_has 'tsv|csv|binary'
run 2 build -o new --on-duplicate all pairs
err_has 'error|first|last'
for type in '' u u7 u256 i1 bytes bytes0 bytes129 U64 'u64 '; do
    run 2 build -o new --key-type "$type" pairs
    err_has '--key-type: expected'
done
run 2 build -o new --key-type bytes4 --key-syntax dec pairs
err_has "--key-syntax dec can't be used for keys of type bytes4"
run 2 get store --key-syntax ip 1
err_has "--key-syntax ip can't be used for keys of type u64"

# Numbers and sizes, including overflow.
for size in '' x 1x 1KB -1 1.5M 18446744073709551616 18014398509481984K 16777216T ' 1M'; do
    run 2 build -o new --memory "$size" pairs
    err_has '--memory: expected a size'
done
run 2 build -o new --memory 8191K pairs
err_has '--memory: expected at least 8.0 MiB'
run 2 get store --index-memory 0 1
err_has '--index-memory: expected at least 1 B'
for number in '' -1 x 1x 1K 18446744073709551616; do
    run 2 scan store "--limit=$number"
    err_has '--limit: expected a number'
done
for number in 0 1073741825 x; do
    run 2 get store --batch "$number" 1
    err_has '--batch: expected a number from 1 to 1073741824'
done
for number in '' 0 -1 1025 x 2.5; do
    run 2 get store --threads "$number" 1
    err_has '--threads: expected a number from 1 to 1024'
done
for number in '' 0 -1 4097 x; do
    run 2 get store --depth "$number" 1
    err_has '--depth: expected a number from 1 to 4096'
done
for size in '' x -1 1KB; do
    run 2 get store --index-memory "$size" 1
    err_has '--index-memory: expected a size'
done
run 0 get store --threads 1 --depth 1 --index-memory 1 --batch 1 --probe page 1
run 0 get store --threads 1024 --depth 4096 --index-memory 1T --batch 1073741824 --probe entry 1
for option in threads depth batch index-memory probe backend; do
    run 2 get store 1 "--$option"
    err_has "option '--$option' requires an argument"
done
for option in barrier stats direct; do
    run 2 get store 1 "--$option=yes"
    err_has "option '--$option' takes no argument"
done
run 2 verify store --max-problems 0
for mode in 0 8 1000 07777 x; do
    run 2 build -o new --mode "$mode" pairs
    err_has '--mode: expected octal'
done
for id in '' 12 0123456789abcdef0123456789abcdeg 0123456789abcdef0123456789abcdef0; do
    run 2 build -o new --store-id "$id" pairs
    err_has '--store-id: expected 32 hex digits'
done

# Incompatible options.
run 2 scan store --order storage --from 1
err_has "can't be used with --order storage"
run 2 scan store --order storage --to 1
run 2 build -o new --plain --metadata text pairs
err_has "can't be used with --plain"
run 2 build -o new --plain --metadata-file pairs pairs
run 2 build -o new --plain --store-id 0123456789abcdef0123456789abcdef pairs
err_has "can't be used with --plain"
run 2 build -o new --metadata a --metadata-file pairs pairs
err_has 'are mutually exclusive'
run 2 build -o new --stride 24 pairs
err_has '--stride requires --plain and a 128-bit key type'
run 2 build -o new --plain --stride 24 pairs
run 2 build -o new --key-type u128 --stride 24 pairs
for option in --key-column=1 --value-columns=2 --header '--delimiter=;'; do
    run 2 build -o new "$option" pairs
    err_has 'requires --input-format csv'
done
run 2 build -o new --input-format csv '--delimiter=;;' pairs
err_has '--delimiter: expected one byte'
run 2 build -o new --input-format csv '--delimiter="' pairs
only_files pairs store

# Long options can be abbreviated, short ones grouped, and operands mixed in.
run 0 get --match floor store --missing=empty 1
run 0 get --mat floor store --missing=empty --outp=tsv 1
run 2 get store --m floor 1
err_has "ambiguous option '--m'"
run 0 get store -mfloor 1
out_is '1\t1\tone\n'
run 0 get -m floor -fraw store 1
out_is 'one'
run 0 build -qpo plain pairs
run 0 get store -- 1
out_is '1\tone\n'
run 2 get -- store --match
err_has "got '--match'"
