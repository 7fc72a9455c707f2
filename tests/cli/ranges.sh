#!/bin/sh
# Ranges: build from the forms in which they are found, lookups, scan and back, overlaps.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

id=000102030405060708090a0b0c0d0e0f

# Lookups compared with awk: ranges of 1 to 20 keys, gaps of 0 to 9.
awk 'BEGIN { srand(8); at = 3; for (i = 0; i < 5000; i++) { last = at + int(rand() * 20)
    printf "%d\t%d\tr%d\n", at, last, i; at = last + 1 + int(rand() * 10) } }' >ranges
awk 'BEGIN { srand(9); for (i = 0; i < 20000; i++) print int(rand() * 75000) }' >keys
awk -F '\t' -v OFS='\t' '
    NR == FNR { for (key = $1; key <= $2; key++) row[key] = $0; next }
    { if ($1 in row) print $1, row[$1] >"expected"; else print $1, "", "", "" >"gaps" }' ranges keys
[ -s gaps ] || fail 'no key is in a gap'
build -o store -t u32 --ranges --store-id $id ranges
for match in '' '--match=range'; do
    for batch in 65536 77; do
        # shellcheck disable=SC2086 # empty or one word
        run 0 get store --keys keys --batch "$batch" $match
        same expected "$out"
    done
done
run 0 get store --keys keys --missing empty
awk -F '\t' '$2 == ""' "$out" >missing
same gaps missing
run 0 get store --keys keys -f binary
[ "$(wc -c <"$out")" -eq "$(awk -F '\t' '{ n += 16 + length($4) } END { print n }' expected)" ] || fail 'wrong size of binary output'
run 0 verify store
run 0 info store
grep -Eq '^ranges +5000$' "$out" || fail 'info does not show the number of ranges'
run 0 info store --json
out_has '"has_ranges":true'

# Scan and export write what build reads: the same store again. In any order.
for format in tsv binary; do
    run 0 scan store -f $format
    cp "$out" written
    build -o again -t u32 --ranges --store-id $id --input-format $format written
    same store again
done
run 0 export store
same ranges "$out"
awk '{ line[NR] = $0 } END { for (i = 0; i < NR; i++) print line[i * 7 % NR + 1] }' ranges >shuffled
build -o again -t u32 --ranges --store-id $id shuffled
same store again
run 0 scan store --order storage
cut -f 3 ranges >values
same values "$out"
run 0 diff store again

# As found: GeoLite2, ip2location, Tor; with mistakes.
printf 'network,geoname_id\n192.0.2.0/24,17\n198.51.100.8/31,18\n' >geolite
build -o nets -t u32 --ranges --input-format csv --header --key-column network --value-columns geoname_id geolite
run 1 get nets 192.0.2.200 198.51.100.9 198.51.100.10 -s ip
out_is '192.0.2.200\t192.0.2.0\t192.0.2.255\t17\n198.51.100.9\t198.51.100.8\t198.51.100.9\t18\n'
err_has "key '198.51.100.10' not found"
run 0 get nets 192.0.2.200 -f jsonl
out_is '{"key":"192.0.2.200","matched":"192.0.2.0","last":"192.0.2.255","value":"17"}\n'
run 0 scan nets -f jsonl --limit 1 -s ip
out_is '{"key":"192.0.2.0","last":"192.0.2.255","value":"17"}\n'
printf '"0","16777215","-","-"\n"16777216","16777471","US","United States, the"\n' >ip2location
build -o nets -t u32 --ranges --input-format csv --value-columns 3,4 ip2location
run 0 get nets 1.0.0.255 0
out_is '1.0.0.255\t1.0.0.0\t1.0.0.255\tUS,"United States, the"\n0\t0\t16777215\t-,-\n'
printf '# a comment, with "quotes\n2001:db8::,2001:db8::ffff,XA\n#\n2001:db8:1::/48,,XB\n' >tor
build -o nets -t u128 --ranges --input-format csv --comment '#' --value-columns 3 tor
run 0 scan nets -s ip
out_is '2001:db8::\t2001:db8::ffff\tXA\n2001:db8:1::\t2001:db8:1:ffff:ffff:ffff:ffff:ffff\tXB\n'
printf 'x;9;a;5\n' >reverse
build -o nets -t u8 --ranges --input-format csv --delimiter ';' --key-column 4 --end-column 2 --value-columns 1 reverse
run 0 get nets 7
out_is '7\t5\t9\tx\n'
for width in 0 1 31 32; do
    printf '0.0.0.0/%d\tv\n' $width >net
    build -o nets -t u32 --ranges net
    run 0 scan nets
    out_is "0\t$(awk -v w=$width 'BEGIN { printf "%.0f", 2 ^ (32 - w) - 1 }')\tv\n"
done

bad() {
    printf "%b" "$1" >bad
    run 2 build -o nope -t u32 --ranges bad
    err_has "bad:1: $2"
}
bad '192.0.2.0/33\tv\n' 'expected a network'
bad '192.0.2.0/024\tv\n' 'expected a network'
bad '192.0.2.0/\tv\n' 'expected a network'
bad '/8\tv\n' 'expected a network'
bad '192.0.2.1/24\tv\n' 'bits after the prefix of the network are not zero'
bad '9\t5\tv\n' 'the range ends before it begins: 9 to 5'
bad '9\tv\n' 'expected a first key, a last key and a value'
bad '9\tx\tv\n' "expected a key of type u32, got 'x'"
printf '9\t5\tv\n3\t4\tw\n' >bad
run 0 build -o nets -t u32 --ranges --on-bad-line skip bad
run 0 scan nets
out_is '3\t4\tw\n'
printf '1/8\tv\n' >bad
run 2 build -o nope -t u64 --ranges bad
err_has 'networks need keys of type u32 or u128'

# Overlaps.
printf '10.0.0.0/8\tten\n10.1.0.0/16\tone\n10.1.2.0/24\ttwo\n10.255.0.0/16\tend\n' >nested
run 2 build -o nope -t u32 --ranges nested
err_has 'overlapping ranges'
build -o nets -t u32 --ranges --on-overlap innermost nested
run 0 scan nets -s ip
out_is '10.0.0.0\t10.0.255.255\tten\n10.1.0.0\t10.1.1.255\tone\n10.1.2.0\t10.1.2.255\ttwo\n10.1.3.0\t10.1.255.255\tone\n10.2.0.0\t10.254.255.255\tten\n10.255.0.0\t10.255.255.255\tend\n'
printf '1\t5\ta\n4\t9\tb\n' >crossing
run 2 build -o nope -t u32 --ranges --on-overlap innermost crossing
err_has 'ranges 1 to 5 and 4 to 9'
printf '1\t5\ta\n1\t5\tb\n' >twice
run 2 build -o nope -t u32 --ranges twice
err_has 'range 1 to 5'
build -o nets -t u32 --ranges -d last twice
run 0 scan nets
out_is '1\t5\tb\n'

# Merging, and stores without ranges.
printf '7\t8\tc\n' >others
build -o other -t u32 --ranges others
run 0 merge nets other -o both
run 0 scan both
out_is '1\t5\tb\n7\t8\tc\n'
printf "7\tseven\n" >seven
build -o pairs -t u32 seven
run 3 get pairs --match range 7
err_has 'not a store of ranges'
run 3 merge nets pairs -o both
err_has 'merging stores of ranges and others'
run 3 diff nets pairs
run 2 export nets -f plain -o plain
err_has 'ranges'
run 0 get nets --match floor 6
out_is '6\t1\tb\n'
run 1 get nets --match exact 3
run 2 build -o nope --ranges --plain ranges
err_has '--ranges can'
run 2 build -o nope --on-overlap innermost ranges
err_has '--on-overlap requires --ranges'
run 2 build -o nope --end-column 2 -f csv ranges
err_has '--end-column requires --ranges'
run 2 build -o nope --ranges -t bytes65 ranges
err_has 'at most 64 bytes'
run 2 build -o nope --ranges --memory 8M ranges
err_has 'at least 16M'
run 2 build -o nope --comment '##' ranges
err_has '--comment: expected one byte'
