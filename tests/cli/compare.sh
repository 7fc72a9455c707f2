#!/bin/sh
# indexkv compare: verdicts, exit status, and files that are not reports.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

if "$indexkv" compare 2>&1 | grep -q 'built without jansson'; then
    exit 77
fi

# report FILE SERIES MAIN BETTER [PARAMETERS SAMPLES]...: PARAMETERS and SAMPLES are JSON without the
# brackets.
report() {
    file=$1 series=$2 main=$3 better=$4 gap=''
    shift 4
    {
        printf '{"schema":"indexkv-report","schema_version":1,"command":"bench","complete":true,'
        printf '"context":{"kernel":"%s","seed":1},"series":[{"name":"%s","title":"T",' "$file" "$series"
        printf '"parameters":[{"name":"batch","unit":""},{"name":"way","unit":""}],'
        printf '"metrics":[{"name":"%s","unit":"1/s","better":%s}],"main":"%s","rows":[' "$main" "$better" "$main"
        while [ $# -gt 0 ]; do
            printf '%s{"parameters":{%s},"metrics":{},"samples":[%s]}' "$gap" "$1" "$2"
            gap=,
            shift 2
        done
        printf ']}]}\n'
    } >"$file"
}

report a s rate '"more"' \
    '"batch":1,"way":"x"' '100,101,102,103,104' \
    '"batch":2,"way":"x"' '200,210,190,205,195' \
    '"batch":3,"way":"x"' '100,100' \
    '"batch":4,"way":"x"' '7,8,9,8,7'
# Rows and parameters in another order: half as fast, the same, too few samples, and a row that A does
# not have.
report slow s rate '"more"' \
    '"batch":2,"way":"x"' '201,209,191,204,196' \
    '"way":"x","batch":1' '50,50.5,51,51.5,52' \
    '"batch":3,"way":"x"' '50,50' \
    '"batch":5,"way":"x"' '1,2,3,4,5'

run 1 compare a slow
grep -Eq '^1 +102\.0 +51\.0 +0\.500 +0\.4[0-9]+ +0\.5[0-9]+ +97 +slower' "$out" || fail 'the ratio is not 0.5'
grep -Eq '^2 +200\.0 +201\.0 +1\.00[0-9] .* 97 *$' "$out" || fail 'the ratio is not 1'
grep -Eq '^3 .*too few samples' "$out" || fail 'too few samples are not reported'
out_has '# result: 1 slower, 0 faster, 2 of 3 rows without significant change; 1 only in A, 1 only in B'
out_has '# kernel_a: "a"'
out_has '# kernel_b: "slow"'
err_empty
run 0 compare slow a
out_has 'faster'
run 0 compare a a
out_has '0 slower, 0 faster, 4 of 4'
# A change by 50 % is within a threshold of 60 %.
run 0 compare a slow --threshold 60
run 1 compare a slow --threshold 40
run 1 compare a slow --json - --confidence 90
case $(head -c 30 "$out") in '{"schema":"indexkv-report"'*) ;; *) fail 'no JSON' ;; esac
run 1 compare a slow --csv table
grep -q '^s,.*slower' table || fail 'no CSV'

# If less is better, half is faster.
report a s latency '"less"' '"batch":1' '100,101,102,103,104'
report less s latency '"less"' '"batch":1' '50,50.5,51,51.5,52'
run 0 compare a less
out_has 'faster'
run 1 compare less a
report a s size null '"batch":1' '100,101,102,103,104'
report b s size null '"batch":1' '50,50.5,51,51.5,52'
run 0 compare a b
out_has 'changed'

# Nothing in common.
report other t rate '"more"' '"batch":1' '1,2,3'
run 2 compare a other
err_has 'no rows with the same parameters'
report other s rate '"more"' '"batch":1' '1,2,3'
run 2 compare a other
err_has 'different main metrics'

# Damaged and hostile files: a truncated report is never accepted.
report a s rate '"more"' '"batch":1' '100,101,102,103,104'
size=$(wc -c <a)
length=0
while [ "$length" -lt $((size - 2)) ]; do
    head -c "$length" a >part
    run 2 compare a part
    err_has 'part: '
    length=$((length + 13))
done
# hostile TEXT MESSAGE
hostile() {
    printf '%b' "$1" >hostile.json
    run 2 compare a hostile.json
    err_has "$2"
    run 2 compare hostile.json a
}
hostile '' 'hostile.json: line 1'
hostile '[]' 'not a report'
hostile '"text"' 'hostile.json'
hostile '{"schema":"other"}' 'not a report'
hostile '{"schema":"indexkv-report","schema_version":2,"series":[]}' 'unsupported schema version'
hostile '{"schema":"indexkv-report","schema_version":1,"series":{}}' 'no series'
hostile '{"schema":"indexkv-report","schema":"x"}' 'duplicate'
hostile '{"schema":"indexkv-report","schema_version":1,"series":[1]}' 'lacks name'
hostile 'nonsense \0001\0377' 'line 1'
awk 'BEGIN { for (i = 0; i < 100000; i++) printf "[" }' >deep
run 2 compare a deep
err_has 'deep: line 1'
for samples in '"x"' 0 -1 '1e999' null '1,{}' '[]'; do
    report bad s rate '"more"' '"batch":1' "$samples"
    run 2 compare a bad
    err_has 'bad: '
done
report bad s rate '"more"' '"batch":1' 1 '"batch":1' 2
run 2 compare a bad
err_has 'series '"'s'"', row 2: same parameters as an earlier row'
report bad s rate '"more"' '"batch":[1]' 1
run 2 compare a bad
err_has 'a parameter is neither text nor a number'
report bad s rate '"more"' '"way":"\u001b[31m"' 1
run 2 compare a bad
err_has 'control characters'
report bad 's\u001b' rate '"more"' '"batch":1' 1
run 2 compare a bad
err_has 'invalid name'
awk 'BEGIN { for (i = 0; i < 1001; i++) printf "%s1", i ? "," : "" }' >many
report bad s rate '"more"' '"batch":1' "$(cat many)"
run 2 compare a bad
err_has 'more than 1000 samples'

run 2 compare a missing
err_has 'missing: No such file'
run 2 compare a .
err_has 'not a regular file'
run 2 compare a
err_has 'expected two reports'
run 2 compare a a a
run 2 compare a a --threshold 100
err_has '--threshold: expected a number from 0 to 99'
run 2 compare a a --confidence 49

# Reports written by bench can be compared.
awk 'BEGIN { for (i = 0; i < 1000; i++) print i "\tx" }' >pairs
build -o store pairs
for name in first second; do
    run 0 bench store --state warm -b 1,100 --time 0.001 -n 5 -q --json $name.json
done
"$indexkv" compare first.json second.json >"$out" 2>"$err" || [ $? -eq 1 ] || fail 'reports of bench'
out_has 'of 2 rows'
