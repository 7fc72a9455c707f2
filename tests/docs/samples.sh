#!/bin/sh
# Run the command lines and compile the programs of documents, in the order of each page: sh blocks
# with `indexkv` in the path, C blocks with a main function as programs.
#   samples.sh DOCS_DIRECTORY INDEXKV INCLUDE_DIRECTORY LIBRARY_DIRECTORY
set -u
docs=$1 indexkv=$2 include=$3 library=$4
directory=$(mktemp -d "${TMPDIR:-/tmp}/indexkv-docs.XXXXXX") || exit 1
trap 'rm -rf "$directory"' EXIT
mkdir "$directory/bin" && ln -s "$indexkv" "$directory/bin/indexkv"
PATH=$directory/bin:$PATH
LD_LIBRARY_PATH=$library${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PATH LD_LIBRARY_PATH

blocks=0
for page in getting-started options limits observability from-other-stores from-rust; do
    work=$directory/$page
    mkdir "$work" && cd "$work" || exit 1
    # One file for each block: NUMBER.sh or NUMBER.c
    awk '/^```(sh|c)$/ { name = sprintf("%02d.%s", ++n, substr($0, 4)); printf "" >name; next }
         /^```/ { name = "" }
         name { print >name }' "$docs/$page.md"
    for block in [0-9]*.sh [0-9]*.c; do
        [ -f "$block" ] || continue
        blocks=$((blocks + 1))
        case $block in
            *.sh) sh -eu "$block" >output 2>&1 </dev/null ;;
            *.c) { ${CC:-cc} -std=c17 -Wall -Wextra -Werror -I"$include" "$block" -L"$library" -lindexkv \
                    -o program && ./program; } >output 2>&1 ;;
        esac || {
            echo "$page.md, $block:" >&2
            cat "$block" output >&2
            exit 1
        }
        [ "$block" != 04.c ] || printf 'Spirit\nViking 1\n' | cmp -s - output || exit 1
    done
done
[ "$blocks" -ge 9 ] || { echo "only $blocks blocks" >&2; exit 1; }
echo "$blocks blocks"
