#!/bin/sh
# --help of every command: it fits a terminal, and lists the same options as the manual page.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

man=$tests/../man

run 0 --help
err_empty
for command in $(all_commands); do
    grep -q "^  $command " "$out" || fail "$command is not listed"
done
cp "$out" "$directory/help"
run 0 -h
same "$directory/help" "$out"
run 0 help
same "$directory/help" "$out"

# Reads help text, prints its options: "-o, --output".
options_of_help() {
    sed -nE 's/^  (-., |    )(--[a-z0-9-]+).*/\1\2/p' | sed 's/^ *//'
}

# Reads a manual page, prints the options of its lists in the same form.
options_of_page() {
    awk '$1 == ".It" && $2 == "Fl" {
        if ($4 == ",")
            print "-" $3 ", -" $5
        else
            print "-" $3
    }'
}

fits() {
    awk 'length($0) > 80 { print length($0) " columns: " $0; bad = 1 } END { exit bad }' "$out" >&2 ||
        fail 'lines longer than 80 columns'
}

fits
for command in $(supported_commands); do
    run 0 "$command" --help
    err_empty
    out_has "usage: indexkv $command"
    fits
    cp "$out" "$directory/help"
    run 0 "$command" -h
    same "$directory/help" "$out"
    run 0 help "$command"
    same "$directory/help" "$out"

    [ -d "$man" ] || continue
    page=$man/indexkv-$command.1
    options_of_help <"$directory/help" >"$directory/help_options"
    options_of_page <"$page" >"$directory/page_options"
    [ "$(wc -l <"$directory/help_options")" -ge 4 ] || fail 'too few options'
    diff "$directory/help_options" "$directory/page_options" >&2 ||
        fail "$page lists other options than --help, or in another order"
done

# Each command has a manual page, which indexkv(1) refers to.
[ -d "$man" ] || exit 0
for command in $(all_commands); do
    grep -Eqx "\.Xr indexkv-$command 1( [.,])?" "$man/indexkv.1" ||
        fail "indexkv.1 does not refer to indexkv-$command(1)"
done

# Every function has a page in section 3, made from the header.
header=$tests/../include/indexkv.h
check 0 "$man/make-section-3" "$header" pages
sed -n 's/^IKV_API .*\(ikv_[a-z0-9_]*\)(.*/\1/p' "$header" >functions
[ "$(wc -l <functions)" -ge 40 ] || fail 'too few functions'
while read -r function; do
    grep -q "\.Nm $function\( ,\)\{0,1\}$" "pages/$function.3" || fail "no page for $function"
done <functions

if command -v mandoc >"$directory/which"; then
    for page in "$man"/*.1 "$man"/*.5 pages/*.3; do
        check 0 mandoc -Tlint -Wwarning "$page"
    done
fi
