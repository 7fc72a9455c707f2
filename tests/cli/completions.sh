#!/bin/sh
# Completions: every option of --help is in those of each shell, and the shells that are installed
# accept them and complete with them.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make=$tests/../tools/completions/make
[ -x "$make" ] && command -v bash >"$directory/which" || exit 77
check 0 "$make" "$indexkv" "$tests/../man" made

for command in $(supported_commands); do
    run 0 "$command" --help
    sed -nE 's/^  (-., |    )--([a-z0-9-]+).*/\2/p' "$out" >options
    [ "$(wc -l <options)" -ge 4 ] || fail 'too few options'
    while read -r option; do
        grep -q "^ *$command) words=.* --${option}[ \"]\|^ *$command) words=\"--${option}[ \"]" made/indexkv ||
            fail "bash: no $command --$option"
        sed -n "/^    $command)\$/,/;;\$/p" made/_indexkv | grep -q -e "--${option}[\[}]" ||
            fail "zsh: no $command --$option"
        grep -q "seen_subcommand_from $command' .*-l $option -d\|seen_subcommand_from $command' .*-l $option -[rx]" \
            made/indexkv.fish || fail "fish: no $command --$option"
    done <options
done

# complete_bash WORD...: what bash offers for the last word
complete_bash() {
    bash -c '. made/indexkv
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        compopt() { :; }
        _indexkv
        printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}
offers() {
    wanted=$1
    shift
    complete_bash indexkv "$@" | grep -qx -e "$wanted" || fail "bash: no $wanted after: $*"
}
offers verify ver
offers --key-type build --key
offers clustered build --layout cl
offers u64 build -t u
offers floor get --match ''
[ -z "$(complete_bash indexkv get --batch '')" ] || fail 'bash: words for a number'

for shell in bash zsh fish; do
    command -v "$shell" >"$directory/which" || continue
    case $shell in
        bash) check 0 bash -n made/indexkv ;;
        zsh) check 0 zsh -fn made/_indexkv ;;
        fish)
            fish --no-config -c 'source made/indexkv.fish; complete -C "indexkv get --match "' >words
            cut -f 1 words | grep -qx ceiling || fail 'fish: no ceiling after --match' ;;
    esac
done
