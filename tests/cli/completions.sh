#!/bin/sh
# Completions: every option of --help is in those of each shell, and the shells that are installed
# accept them and complete with them.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
indexkv_mpi=${2-}

make=$tests/../tools/completions/make
[ -x "$make" ] && command -v bash >"$directory/which" || exit 77
check 0 "$make" "$indexkv" "$tests/../man" made

# options_of PROGRAM COMMAND: every option is in the completions of PROGRAM for each shell.
options_of() {
    check 0 "$1" "$2" --help
    program=$(basename "$1")
    sed -nE 's/^  (-., |    )--([a-z0-9-]+).*/\2/p' "$out" >options
    [ "$(wc -l <options)" -ge 4 ] || fail 'too few options'
    while read -r option; do
        grep -q "^ *$2) words=.* --${option}[ \"]\|^ *$2) words=\"--${option}[ \"]" "made/$program" ||
            fail "bash: no $2 --$option"
        sed -n "/^    $2)\$/,/;;\$/p" "made/_$program" | grep -q -e "--${option}[\[}]" ||
            fail "zsh: no $2 --$option"
        grep -q "^complete -c $program .*seen_subcommand_from $2' .*-l $option -[drx]" "made/$program.fish" ||
            fail "fish: no $2 --$option"
    done <options
}
for command in $(supported_commands); do
    options_of "$indexkv" "$command"
done
if [ -n "$indexkv_mpi" ]; then
    check 0 "$make" "$indexkv_mpi" "$tests/../man" made
    options_of "$indexkv_mpi" build
    options_of "$indexkv_mpi" get
fi

# complete_bash PROGRAM WORD...: what bash offers for the last word
complete_bash() {
    bash -c '. "made/$1"
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        compopt() { :; }
        "_${1//-/_}"
        printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}
# offers WANTED PROGRAM WORD...
offers() {
    wanted=$1
    shift
    complete_bash "$@" | grep -qx -e "$wanted" || fail "bash: no $wanted after: $*"
}
offers verify indexkv ver
offers --key-type indexkv build --key
offers clustered indexkv build --layout cl
offers u64 indexkv build -t u
offers floor indexkv get --match ''
[ -z "$(complete_bash indexkv get --batch '')" ] || fail 'bash: words for a number'
if [ -n "$indexkv_mpi" ]; then
    offers build indexkv-mpi bu
    offers --parts indexkv-mpi get --pa
    offers clustered indexkv-mpi build --layout cl
fi

for shell in bash zsh fish; do
    command -v "$shell" >"$directory/which" || continue
    for program in indexkv ${indexkv_mpi:+indexkv-mpi}; do
        case $shell in
            bash) check 0 bash -n "made/$program" ;;
            zsh) check 0 zsh -fn "made/_$program" ;;
            fish)
                fish --no-config -c "source made/$program.fish; complete -C '$program get --match '" >words
                cut -f 1 words | grep -qx ceiling || fail "fish: no ceiling after $program get --match" ;;
        esac
    done
done
