#!/bin/sh
# The command reads the files that the Rust crate wrote.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# values_of KEY_WIDTH: read binary output, skip the keys, and print each value in hex.
values_of() {
    od -An -v -tu1 | awk -v skip="$1" '
        function byte() {
            while (i >= count) { if ((getline line) <= 0) return -1; count = split(line, b, " "); i = 0 }
            return b[++i]
        }
        BEGIN {
            for (;;) {
                for (k = 0; k < skip; k++) if (byte() < 0) exit
                size = 0
                for (k = 0; k < 4; k++) { c = byte(); if (c < 0) exit; size += c * 256 ^ k }
                text = ""
                for (k = 0; k < size; k++) text = text sprintf("%02x", byte())
                print text
            }
        }'
}

checked=0
# golden DIRECTORY: check the ordinary and the interrupted files of its manifest.
golden() {
    tail -n +2 "$1/manifest.tsv" >manifest
    while IFS='	' read -r file type pairs _ _ case expected stride _; do
        store=$1/$file
        case $case in
        seq | shuf) ;;
        interrupted)
            run 3 scan "$store" -t "$type"
            run 3 get "$store" -t "$type" 1
            run 3 verify "$store" -t "$type"
            continue
            ;;
        *) continue ;;
        esac
        [ "$pairs" -le 1000 ] || continue
        run 0 info "$store" -t "$type" --json
        out_has "\"pair_count\":$pairs"
        [ "$pairs" -eq 0 ] || out_has "\"stride\":$stride"
        width=$((${type#?} / 8))
        run 0 scan "$store" -t "$type" -f binary
        values_of "$width" <"$out" >values
        run 0 scan "$store" -t "$type" -f jsonl
        sed 's/^{"key":"\([^"]*\)".*/\1/' "$out" | paste - values >pairs_found
        [ "$pairs" -gt 0 ] || : >pairs_found
        same "$1/$expected" pairs_found
        cut -f 1 "$1/$expected" >keys
        run 0 get "$store" -t "$type" --keys keys -f binary --missing error
        values_of "$width" <"$out" | paste keys - >pairs_found
        [ "$pairs" -gt 0 ] || : >pairs_found
        same "$1/$expected" pairs_found
        run 0 scan "$store" -t "$type" --order storage -f binary
        values_of 0 <"$out" | sort >values
        cut -f 2 "$1/$expected" | sort >storage
        same storage values
        run 0 verify "$store" -t "$type"
        checked=$((checked + 1))
    done <manifest
}
golden "$tests/golden"
[ ! -d "$tests/golden/stride24" ] || golden "$tests/golden/stride24"
[ "$checked" -gt 100 ] || fail "only $checked files"
