#!/bin/sh
# How lines of text begin and end, in input and output: byte order marks, CR LF, empty lines, NULs, and
# escapes of what would break a line.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# ---------------------------------------------------------------- byte order marks

printf '\357\273\2771\tone\n2\ttwo\n' >pairs
build -o store pairs pairs -d first
run 0 scan store
out_is '1\tone\n2\ttwo\n'
printf '\357\273\2772\n1' >keys
run 0 get store --keys keys
out_is '2\ttwo\n1\tone\n'
printf '\357\273\277' >empty
build -o new empty
run 0 get store --keys empty --on-bad-line skip --missing empty
# A mark elsewhere is not one.
printf '1\tone\n\357\273\2772\ttwo\n' >pairs
run 2 build -o new pairs
err_has "pairs:2: expected a key of type u64, got '"
for mark in '\0377\0376' '\0376\0377'; do
    printf '%b1\0\t\0x\0\n\0' "$mark" >pairs
    run 2 build -o new --on-bad-line skip pairs
    err_has 'pairs:1: expected UTF-8, got UTF-16'
    run 2 get store --on-bad-line skip --keys pairs
    err_has 'pairs:1: expected UTF-8, got UTF-16'
done

# ---------------------------------------------------------------- CR LF

printf '1\tone\r\n2\ttwo\r\r\n3\tthree\n\r\n4\t\r' >pairs
run 0 build -o store pairs
err_has 'indexkv: pairs: lines end with CR LF, like the first one (--lf: the CRs belong to the values)'
run 0 scan store -q
out_is '1\tone\n2\ttwo\r\n3\tthree\n4\t\n'
build -o store pairs
printf '1\tone\n2\ttwo\r\n' >first_lf
run 0 build -o store first_lf
err_lacks 'CR LF'
run 0 scan store -q
out_is '1\tone\n2\ttwo\r\n'
run 0 build -o store --crlf first_lf
err_lacks 'like the first'
run 0 scan store
out_is '1\tone\n2\ttwo\n'
run 2 build -o store --lf pairs
err_has "pairs:4: expected a key, a tab and a value, got no tab in '\\r'"
run 0 build -o store --lf --on-bad-line skip --rejects rejects pairs
err_lacks 'CR LF'
run 0 scan store -q
out_is '1\tone\r\n2\ttwo\r\r\n3\tthree\n4\t\r\n'
# Each file is looked at by itself.
printf '5\tfive\r\n' >other
run 0 build -o store first_lf other
err_has 'other: lines end with CR LF'
err_lacks 'first_lf'
run 0 scan store -q
out_is '1\tone\n2\ttwo\r\n5\tfive\n'
for option in --crlf --lf; do
    run 2 build -o store -f csv "$option" pairs
    err_has "$option requires --input-format tsv"
    run 2 build -o store -0 "$option" pairs
    err_has "--null and $option are mutually exclusive"
done

# Empty lines, in the middle and at the end, are counted.
printf '\n1\tone\n\n\n2\ttwo\n\nx\n\n' >pairs
run 0 build -o store --on-bad-line skip --rejects rejects pairs
run 0 scan store
out_is '1\tone\n2\ttwo\n'
cut -f 1,2 rejects >actual
printf 'pairs\t7\n' >expected
same expected actual
run 2 build -o store --strict pairs
err_has "pairs:1: expected a key, a tab and a value, got no tab in ''"

# ---------------------------------------------------------------- values that break lines

printf '1\tnone\0002\ttab\there\0003\ttwo\nlines\0004\tcr\rx\0005\tback\\slash\\n\0006\t\\\0' >zero
build -o store --store-id 0123456789abcdef0123456789abcdef -0 zero
run 0 scan store -0
same zero "$out"
err_empty
printf '1\tnone\n2\ttab\\there\n3\ttwo\\nlines\n4\tcr\\rx\n5\tback\\\\slash\\\\n\n6\t\\\\\n' >escaped
run 0 scan store --escape
same escaped "$out"
err_empty
# Without either, the output is as it was, with a warning.
run 0 scan store
printf '1\tnone\n2\ttab\there\n3\ttwo\nlines\n4\tcr\rx\n5\tback\\slash\\n\n6\t\\\n' >expected
same expected "$out"
err_has "indexkv: store: 3 lines contain more tabs or line breaks, the first that of key '2'; see --escape and --null"
[ "$(wc -l <"$err")" -eq 1 ] || fail 'more than one warning'
run 0 get store 6 4 1
err_has "store: 1 line contains more tabs or line breaks, the first that of key '4'; see"
run 0 get store 6 1
err_empty
run 0 scan store --order storage --limit 3
err_has 'store: 2 lines contain more tabs or line breaks, the first value 2; see'
for quiet in '-f jsonl' '-f raw' '-f binary' '-q'; do
    # shellcheck disable=SC2086 # two words
    run 0 scan store $quiet
    err_empty
done
# They can be built again, and give the same bytes.
for way in '--escape' '-0'; do
    run 0 scan store $way
    cp "$out" dump
    build -o again --store-id 0123456789abcdef0123456789abcdef $way dump
    same store again
done
run 0 scan store -f binary
cp "$out" dump
build -o again --store-id 0123456789abcdef0123456789abcdef -f binary dump
same store again
# Every byte, and random strings of those that matter.
awk 'BEGIN { srand(3); split("\\ n t r \n \t \r a \\\\ x", c, " "); c[11] = "\n"; c[12] = "\t"; c[13] = "\r"; c[14] = " "
    for (i = 0; i < 3000; i++) { s = ""; n = int(rand() * 20)
        for (k = 0; k < n; k++) s = s c[1 + int(rand() * 14)]
        printf "%d\t%s\001", i, s } }' | tr '\001' '\000' >random
awk 'BEGIN { for (i = 1; i < 256; i++) printf "%d\t%s%d\001", 10000 + i, "x", i }' | tr '\001' '\000' >>random
build -o store --store-id 0123456789abcdef0123456789abcdef -0 random
run 0 scan store --escape
[ "$(wc -l <"$out")" -eq 3255 ] || fail 'escaped output has other lines'
cp "$out" dump
build -o again --store-id 0123456789abcdef0123456789abcdef --escape dump
same store again
run 0 scan again -0
same random "$out"
# get writes the same, also for matched keys.
cut -f 1 dump >keys
run 0 get store --escape --keys keys
same dump "$out"
tr '\n' '\0' <keys >zero_keys
run 0 get store -0 --keys zero_keys
same random "$out"
run 0 get store -0 --match floor --missing empty 20000 0
[ "$(tr '\000' '\001' <"$out")" = "$(printf '20000\t10255\tx255\0010\t0\t'; tr '\000' '\001' <random |
    head -c 100000 | awk 'BEGIN { RS = "\001" } NR == 1 { printf "%s\001", substr($0, 3) }')" ] || fail 'matched keys'

# NULs end lines of NUL-separated output; escapes do not change them.
printf '1\ta\0b\n' >pairs
build -o store pairs
run 0 scan store
err_empty
run 0 scan store -0
err_has "store: 1 line contains NULs, the first that of key '1'; see --escape"

# Escapes that are none, and bad lines that end with NUL.
printf '1\tx\\y\n2\ta\\\n3\t\\\\\n4\\\tb\n' >pairs
run 2 build -o store --escape pairs
err_has 'pairs:1: expected n, t, r or a backslash after each backslash'
run 0 build -o store --escape --on-bad-line skip --rejects rejects pairs
run 0 scan store
printf '3\t\\\n' >expected
same expected "$out"
cut -f 2,4- rejects >actual
printf '1\t1\tx\\y\n2\t2\ta\\\n4\t4\\\tb\n' >expected
same expected actual
printf '1\tx\0two\nlines\0002\ty\0' >pairs
run 0 build -o store -0 --on-bad-line skip --rejects rejects pairs
run 0 scan store
out_is '1\tx\n2\ty\n'
printf "pairs\\t2\\texpected a key, a tab and a value, got no tab in 'two\\\\nlines'\\ttwo\\nlines\\0" >expected
same expected rejects
printf '1\0x\ny\0002' >keys
run 0 get store --keys keys -0 --missing empty --on-bad-line skip
printf '1\tx\0x\ny\t\0002\ty\0' >expected
same expected "$out"
for option in --escape --null; do
    run 2 build -o store -f csv "$option" pairs
    err_has "$option requires --input-format tsv"
done

# -0 is an option here; a key can follow --.
run 1 get store -- -0
err_has "store: key '-0' not found"
run 2 get store -0
err_has 'expected a KEY or --keys FILE'
