#!/bin/sh
# The virtual table against an ordinary table of SQLite with the same rows: both must answer every query
# alike.
#   test.sh SQLITE3 EXTENSION INDEXKV
set -u
sqlite=$1 extension=${2%.so} indexkv=$3
directory=$(mktemp -d "${TMPDIR:-/tmp}/indexkv-sqlite.XXXXXX") || exit 1
trap 'rm -rf "$directory"' EXIT
cd "$directory" || exit 1

fail() {
    printf 'sqlite: %s\n' "$*" >&2
    exit 1
}

# ask TABLE QUERY [OPTION...]: with `t` for the table
ask() {
    table=$1 query=$2
    shift 2
    "$sqlite" -batch -noheader "$@" data.db ".load $extension" \
        "$(printf '%s' "$query" | sed "s/\\bt\\b/$table/g")" 2>&1
}

# A query that both tables must answer with the same rows, in any order; or, `ordered`, in the same.
both() {
    queries=$((queries + 1))
    printf '.print @%d %s\n%s;\n' "$queries" "$1" "$1" >>queries.sql
}
ordered() {
    ask plain "$1" >expected
    ask store "$1" >got
    cmp -s expected got || fail "$type: $1"
}

# Run the queries, each table in one process.
answers() {
    { echo ".load $extension"; sed "/^[^.]/s/\\bt\\b/$1/g" queries.sql; } |
        "$sqlite" -batch -noheader data.db 2>&1 |
        awk '/^@/ { query = $0; next } { print query ": " $0 }' | sort
}
compare() {
    answers plain >expected
    answers store >got
    [ "$(wc -l <expected)" -ge 20 ] || fail "$type: too few rows"
    cmp -s expected got || {
        diff expected got | head -n 10 >&2
        fail "$type: other rows"
    }
    rm queries.sql
}

queries=0

# integers TYPE KEY...: pairs with the keys; comparisons with all of them, and others
integers() {
    type=$1
    shift
    affinity=INTEGER
    [ "$type" != u64 ] || affinity=
    case $type in *128) affinity=TEXT ;; esac
    for key; do printf '%s\tv%s\n' "$key" "$key"; done >pairs.tsv
    "$indexkv" build --quiet --key-type "$type" -o data.ikv pairs.tsv || fail build
    rm -f data.db
    # Keys that do not fit into 64 bits are TEXT.
    awk -F '\t' -v wide="$affinity" '{
        digits = $1; sub(/^-/, "", digits)
        quote = (wide == "TEXT" || length(digits) > 19 || (length(digits) == 19 && digits > "9223372036854775807")) ? "\047" : ""
        printf "INSERT INTO plain VALUES(%s%s%s, CAST(\047%s\047 AS BLOB));\n", quote, $1, quote, $2 }' pairs.tsv >rows.sql
    "$sqlite" -batch data.db "CREATE TABLE plain(key $affinity, value); CREATE TABLE wanted(k); INSERT INTO wanted VALUES(5),(7),(100),(NULL),('5'),(6.5);" \
        ".read rows.sql" ".load $extension" "CREATE VIRTUAL TABLE store USING indexkv('data.ikv');" || fail create
    both 'SELECT * FROM t'
    both 'SELECT count(*), min(key), max(key) FROM t'
    for value in "$@" 6 8 99 -1 5.0 5.5 -0.5 1e30 -1e30 "'5'" "'x'" "'5.0'" NULL "x'05'" 9223372036854775807 "'9223372036854775808'"; do
        for operator in = '>' '>=' '<' '<=' IS; do
            both "SELECT * FROM t WHERE key $operator $value"
        done
    done
    both 'SELECT * FROM t WHERE key BETWEEN 5 AND 100'
    both 'SELECT * FROM t WHERE key > 5 AND key < 200 AND value LIKE "v1%"'
    both 'SELECT * FROM t WHERE key IN (5, 7, 8, 100, 5, NULL, 300)'
    both 'SELECT * FROM t WHERE key IN (SELECT k FROM wanted)'
    both 'SELECT * FROM t WHERE key NOT IN (5, 7)'
    both 'SELECT wanted.k, t.value FROM wanted JOIN t ON t.key = wanted.k'
    both 'SELECT a.key, b.key FROM t a JOIN t b ON b.key = a.key + 2'
    both 'SELECT * FROM t WHERE key IN ('\''5'\'', '\''05'\'', 5, 5.0, '\'' 5'\'', '\''9223372036854775808'\'')'
    compare
    ordered 'SELECT key FROM t ORDER BY key'
    ordered 'SELECT key FROM t WHERE key > 5 ORDER BY key DESC LIMIT 3'
    ordered 'SELECT key FROM t WHERE key IN (100, 7, 5) ORDER BY key'
}

integers u8 0 5 7 9 100 127 128 255
integers i16 -32768 -1 0 5 7 9 100 32767
integers u32 0 5 7 9 100 2147483648 4294967295
integers i64 -9223372036854775808 -5 0 5 7 9 100 9223372036854775807
integers u64 0 5 7 9 100 9223372036854775807 9223372036854775808 18446744073709551615
integers u128 0 5 7 9 100 340282366920938463463374607431768211455

# Byte strings.
type=bytes2
printf '0000\ta\n0105\tb\n0106\tc\nff00\td\nffff\te\n' >pairs.tsv
"$indexkv" build --quiet --key-type bytes2 -o data.ikv pairs.tsv || fail build
rm -f data.db
awk -F '\t' '{ printf "INSERT INTO plain VALUES(x\047%s\047, \047%s\047);\n", $1, $2 }' pairs.tsv >rows.sql
"$sqlite" -batch data.db 'CREATE TABLE plain(key BLOB, value)' '.read rows.sql' ".load $extension" \
    "CREATE VIRTUAL TABLE store USING indexkv('data.ikv', value=text, backend=pread)" || fail create
for value in "x'0105'" "x'01'" "x'010500'" "x''" "x'ffff'" "x'ffffff'" "'b'" 5 NULL; do
    for operator in = '>' '>=' '<' '<='; do
        both "SELECT hex(key), value FROM t WHERE key $operator $value"
    done
done
both "SELECT hex(key), value FROM t WHERE key IN (x'0105', x'ffff', x'01', 'b')"
compare

# Many keys: IN is one plan with all of them, a join of subquery and table, too; both equal the sums.
type=u32
awk 'BEGIN { for (i = 0; i < 200000; i++) print 2 * i "\t" i }' >pairs.tsv
"$indexkv" build --quiet --key-type u32 -o data.ikv pairs.tsv || fail build
rm -f data.db
"$sqlite" -batch data.db ".load $extension" \
    "CREATE VIRTUAL TABLE store USING indexkv('data.ikv', value=text)" || fail create
numbers='WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 149999)'
[ "$(ask store "$numbers SELECT count(*), sum(CAST(value AS INTEGER)) FROM t WHERE key IN (SELECT i FROM n)")" = '75000|2812462500' ] ||
    fail 'IN (SELECT ...) of 150,000 keys'
ask store 'EXPLAIN QUERY PLAN SELECT * FROM t WHERE key IN (1, 2)' | grep -q 'VIRTUAL TABLE INDEX 2:' ||
    fail 'IN is not one batch'
ask store 'EXPLAIN QUERY PLAN SELECT * FROM t WHERE key > 5 ORDER BY key' | grep -q 'USE TEMP B-TREE' &&
    fail 'ORDER BY key sorts'

# Errors name what is wrong.
says() {
    "$sqlite" -batch :memory: ".load $extension" "CREATE VIRTUAL TABLE t USING indexkv($2)" >out 2>&1 && fail "no error: $2"
    grep -q -e "$1" out || fail "$2: $(cat out)"
}
says 'none.ikv' "'none.ikv'"
says 'expected the path' ''
says 'option speed=9: expected value, backend or key_type' "'data.ikv', speed=9"
says 'option value=json: expected text or blob' "'data.ikv', value=json"
says 'option backend=disk: expected auto, ' "'data.ikv', backend=disk"
says 'option key_type=u65: expected u64, ' "'data.ikv', key_type=u65"
for option in value=text 'value = text' "value='text'" 'value = "text" '; do
    "$sqlite" -batch :memory: ".load $extension" \
        "CREATE VIRTUAL TABLE temp.t USING indexkv('data.ikv', $option)" \
        'SELECT typeof(value) FROM t LIMIT 1' >out 2>&1
    [ "$(cat out)" = text ] || fail "$option: $(cat out)"
done
says 'data.ikv' "'data.ikv', key_type=u64"
offset=$(LC_ALL=C grep -obUa 199999 data.ikv | head -n 1 | cut -d : -f 1)
[ -n "$offset" ] || fail 'no record to damage'
printf X | dd of=data.ikv bs=1 seek="$offset" conv=notrunc 2>/dev/null
ask store 'SELECT * FROM t WHERE key = 399998' >out 2>&1 && fail 'damage is not an error'
grep -q 'data.ikv.*399998' out || fail "damage: $(cat out)"
echo "sqlite: $queries queries answered alike"
