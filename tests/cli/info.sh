#!/bin/sh
# The output of info, compared with sizes computed here.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN { for (i = 0; i < 1000; i++) printf "%d\t%s\n", i, i % 2 ? "ab" : "abcdef" }' >pairs
build -o store -t u32 --metadata 'some "text"' pairs

run 0 info store
err_empty
for line in 'key type +u32' 'key width +4' 'pairs +1000' 'value bytes +4000' 'value size min +2' \
    'value size max +6' "file size +$(($(wc -c <store)))" 'record order +key order' \
    'store id +[0-9a-f]{32}' 'stride +16' 'backend +[a-z]+' 'metadata +some "text" \(11 bytes\)' \
    'checksums +yes' 'store +store'; do
    grep -Eq "^$line( |\$)" "$out" || fail "no line: $line"
done

run 0 info store --json
run 0 info -j store
member() {
    grep -Eq "\"$1\":$2[,}]?\$" "$out" || fail "no member: $1 $2"
}
member key_type '"u32"'
member key_width 4
member pair_count 1000
member value_bytes 4000
member value_size_min 2
member value_size_max 6
member file_size $(($(wc -c <store)))
member in_key_order true
member has_trailer true
member stride 16
member metadata '"some \\"text\\""'
if command -v jq >"$directory/which"; then
    check 0 jq -e '.key_type == "u32" and .pair_count == 1000 and .path == "store" and
        .metadata == "some \"text\"" and (.store_id | test("^[0-9a-f]{32}$")) and
        .index_start % 4096 == 0 and .index_size >= 16000 and
        .records_end == 24 + 4000 + 8 * 1000' "$out"
fi
# The pair count in the file itself.
[ "$(peek store 3 8)" = e803000000000000 ] || fail 'pair count in the header'

awk '{ line[NR] = $0 } END { for (i = NR; i > 0; i--) print line[i] }' pairs >reversed
build -o store -t u32 reversed
run 0 info store
grep -Eq '^record order +insertion order$' "$out" || fail 'expected insertion order'
grep -Eq '^metadata +none$' "$out" || fail 'no metadata'
run 0 info store --json
member in_key_order false
member metadata null

build -o store --plain -t bytes7 - <<END
00000000000001	value
END
run 0 info store -t bytes7
grep -Eq '^format +plain v2$' "$out" || fail 'plain'
grep -Eq '^checksums +no$' "$out" || fail 'plain'
run 0 info store -t bytes7 --json
member has_trailer false
member key_type '"bytes7"'
member pair_count 1
member index_start 33
if command -v jq >"$directory/which"; then
    check 0 jq -e 'has("store_id") | not' "$out"
fi

# File names that are not UTF-8.
build -o "$(printf 'odd\377name')" - <<END
1	one
END
run 0 info "$(printf 'odd\377name')" --json
out_has '"path_base64":"b2Rk/25hbWU="'
run 0 info --index-memory 1 store -t bytes7
