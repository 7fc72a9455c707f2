#!/bin/sh
# CSV input: RFC 4180 and violations of it, columns by number and by name.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

csv() {
    build -f csv "$@"
}

# The whole row as it was read, with quotes and embedded line breaks; rows end with CR LF or LF.
printf '1,plain,x\r\n2,"quoted, with ""quotes""",y\n3,"two\r\nlines",z\n4,,\n5\n"6",q,' >rows
csv -o store rows
run 0 scan store
printf '1\t1,plain,x\n2\t2,"quoted, with ""quotes""",y\n3\t3,"two\r\nlines",z\n4\t4,,\n5\t5\n' >expected
printf '6\t"6",q,\n' >>expected
same expected "$out"

# Columns by number: encoded again, quoted only where necessary.
printf '1,"plain",x\n2,"a,b",y\n3,"say ""so""",z\n4,"two\nlines",\n5,"",""\n' >rows
csv -o store --value-columns 2 rows
run 0 scan store
out_is '1\tplain\n2\t"a,b"\n3\t"say ""so"""\n4\t"two\nlines"\n5\t\n'
csv -o store --value-columns 3,2,2 rows
run 0 get store 1 2 4 5
out_is '1\tx,plain,plain\n2\ty,"a,b","a,b"\n4\t,"two\nlines","two\nlines"\n5\t,,\n'
printf 'a,1\nb,2\n"c",3\n' >rows
csv -o store --key-column 2 --value-columns 1 rows
run 0 scan store
out_is '1\ta\n2\tb\n3\tc\n'
csv -o store --key-column=2 rows
run 0 scan store
out_is '1\ta,1\n2\tb,2\n3\t"c",3\n'

# Columns by name, with commas and quotes in names. Each file has its own header, in any order.
printf 'id,name,"city, country"\r\n1,Ann,"Oslo, NO"\r\n2,Bob,Rome\r\n' >first
printf '"city, country",id,name\nParis,3,Cyd\n' >second
csv -o store --header --key-column id --value-columns 'name,"city, country"' first second
run 0 scan store
out_is '1\tAnn,"Oslo, NO"\n2\tBob,Rome\n3\tCyd,Paris\n'
csv -o store --header -k id -v name first
run 0 get store 2
out_is '2\tBob\n'
csv -o store --header first
run 0 scan store
out_is '1\t1,Ann,"Oslo, NO"\n2\t2,Bob,Rome\n'
printf 'id,"say ""so"" now",x\n1,a,b\n' >rows
csv -o store --header -v '"say ""so"" now"' rows
run 0 get store 1
out_is '1\ta\n'
csv -o store --header -k 1 -v 3,name first
run 0 get store 1
out_is '1\t"Oslo, NO",Ann\n'
# A column name takes precedence over a column number.
printf '2,1\n10,20\n' >rows
csv -o store --header -k 1 -v 2 rows
run 0 scan store
out_is '20\t10\n'
# Only a header, an empty file, a byte order mark.
printf 'id,name\n' >rows
: >empty
csv -o store --header -k id rows empty rows
run 0 scan store
out_empty
printf '\357\273\277id,name\n7,seven\n' >rows
csv -o store --header -k id -v name rows
run 0 scan store
out_is '7\tseven\n'
printf '\357\273\2777,seven\n' >rows
csv -o store rows
run 0 scan store
out_is '7\t7,seven\n'

# Other delimiters; commas are then ordinary characters.
printf '1;a,b;"c;d"\n' >rows
csv -o store --delimiter ';' rows
run 0 scan store
out_is '1\t1;a,b;"c;d"\n'
csv -o store --delimiter ';' -v 3,2 rows
run 0 scan store
out_is '1\t"c;d";a,b\n'
printf '1\ta\t"b\tc"\n' >rows
csv -o store --delimiter '\t' -v 3 rows
run 0 scan store
out_is '1\t"b\tc"\n'

# Rows that arrive in pieces, and rows longer than a buffer.
awk 'BEGIN { for (i = 1; i <= 3; i++) { printf "%d,\"", i
    for (j = 0; j < 400000; j++) printf "%d,\"\"\n", j
    printf "\",end\n" } }' >long
csv -o store -v 2 long
run 0 get store 2
awk 'BEGIN { printf "2\t\""; for (j = 0; j < 400000; j++) printf "%d,\"\"\n", j; printf "\"\n" }' >expected
same expected "$out"
{
    printf '1,"a'
    sleep 0.1
    printf '"'
    sleep 0.1
    printf '"b"\r'
    sleep 0.1
    printf '\n2,c\r'
} | "$indexkv" build -q -o store -f csv || fail 'rows in pieces'
run 0 scan store
out_is '1\t1,"a""b"\n2\t2,c\n'

# A quote inside a field that does not begin with one is a quote; quoted where it is encoded again.
printf '1,37\302\26036%s37.8"N,"a""b"\n2,"x",""""\n3,a"b"c,"",\n4,5",6"\n' "'" >rows
csv -o store rows
run 0 scan store
printf '1\t1,37\302\26036%s37.8"N,"a""b"\n2\t2,"x",""""\n3\t3,a"b"c,"",\n4\t4,5",6"\n' "'" >expected
same expected "$out"
csv -o store -v 2,3 rows
run 0 scan store
printf '1\t"37\302\26036%s37.8""N","a""b"\n2\tx,""""\n3\t"a""b""c",\n4\t"5""","6"""\n' "'" >expected
same expected "$out"
printf 'id,5"\n1,x\n' >rows
csv -o store --header -v '"5"""' rows
run 0 scan store
out_is '1\tx\n'

# Empty lines are skipped, and counted.
printf '\n\r\nid,name\n\n1,a\r\n\r\n\n2,b\n\nx,c\n' >rows
run 2 build -q -o store -f csv --header -k id rows
err_has "rows:10: expected a key of type u64, got 'x'"
run 0 build -q -o store -f csv --header -k id --on-bad-line skip rows
run 0 scan store
out_is '1\t1,a\n2\t2,b\n'
printf '1,a\n""\n' >rows # an empty field is not an empty line
run 2 build -q -o store -f csv rows
err_has "rows:2: expected a key of type u64, got ''"
printf '\377\3761\0,\0' >rows
run 2 build -q -o store -f csv rows
err_has 'rows:1: expected UTF-8, got UTF-16'

# Random rows, compared with an encoder in awk.
awk 'BEGIN { srand(11); special = ",\"\n\rxyz -"
    for (i = 0; i < 20000; i++) {
        row = i
        for (c = 0; c < 3; c++) {
            n = int(rand() * 6); field = ""; quoted = rand() < 0.2
            for (k = 0; k < n; k++) {
                s = substr(special, 1 + int(rand() * length(special)), 1)
                if (s == "," || s == "\"" || s == "\n" || s == "\r") quoted = 1
                field = field (s == "\"" ? "\"\"" : s)
            }
            row = row "," (quoted ? "\"" field "\"" : field)
        }
        printf "%s%s", row, rand() < 0.5 ? "\r\n" : "\n"
    } }' >rows
csv -o store rows
run 0 scan store
awk 'BEGIN { srand(11); special = ",\"\n\rxyz -"
    for (i = 0; i < 20000; i++) {
        row = i
        for (c = 0; c < 3; c++) {
            n = int(rand() * 6); field = ""; quoted = rand() < 0.2
            for (k = 0; k < n; k++) {
                s = substr(special, 1 + int(rand() * length(special)), 1)
                if (s == "," || s == "\"" || s == "\n" || s == "\r") quoted = 1
                field = field (s == "\"" ? "\"\"" : s)
            }
            row = row "," (quoted ? "\"" field "\"" : field)
        }
        rand()
        printf "%d\t%s\n", i, row
    } }' >expected
same expected "$out"

# For violations of RFC 4180, the message contains the first line of the row.
rm -f store
bad() {
    printf '%b' "$1" >rows
    wanted_error=$2
    shift 2
    run 2 build -q -f csv -o store "$@" rows
    err_has "rows:$wanted_error"
    [ ! -e store ] || fail 'a store was written'
}
bad '1,a\n2,b"c\n' '2: expected no quote inside a field' --strict
bad '1,a\n2,"b"c\n' '2: expected a delimiter or the end of the line after a closing quote'
bad '1,"x\ny"\n3,"unclosed\n\n' '3: expected a closing quote before the end of the file'
bad '1,a\r2,b\n' '1: expected LF after CR'
bad '1,a\n\n2,b\n' "2: expected a key of type u64, got ''" --strict
bad '1,a\n"2""",b\n' "2: expected a key of type u64, got '2\"\"'"
bad '1,"a\nb\nc"\nx,d\n' "4: expected a key of type u64, got 'x'"
bad 'x,a\n' "1: expected a key of type u64, got 'x'; see --header and --key-type"
bad '1,a\n2\n' '2: expected at least 2 columns, got 1' -v 2
bad 'a,1\nb\n' '2: expected at least 2 columns, got 1' -k 2
bad 'id,name\n1,a\nx,b\n' "3: expected a key of type u64, got 'x'" --header -k id
bad 'id,name\n1,a\n' "1: expected a header with the column 'nome'" --header -k id -v nome
bad 'id,"na\nme"\n1,a\nx,b' "4: expected a key of type u64, got 'x'" --header
awk 'BEGIN { printf "1"; for (i = 0; i < 70000; i++) printf ","; print "" }' >rows
run 2 build -q -f csv -o store rows
err_has 'rows:1: expected at most 65536 columns'
printf '1,a\n' >rows
run 2 build -q -f csv -o store -k id rows
err_has "column 'id': expected a number from 1 to 65536 (names require --header)"
run 2 build -q -f csv -o store -k 0 rows
run 2 build -q -f csv -o store -v 1,x rows
err_has "column 'x'"
run 2 build -q -f csv -o store -v '1,"x' rows
err_has '--value-columns: expected a comma-separated list'
