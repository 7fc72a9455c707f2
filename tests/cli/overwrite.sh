#!/bin/sh
# An output that is an input, by the same name or another one, is refused, and the input stays as it
# is; so does an output when the input can't be read.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN { for (i = 0; i < 100; i++) printf "%d\tvalue %d\n", i * 3, i }' >pairs
cut -f 1 pairs >keys
build -o store pairs
for file in pairs keys store; do
    cp $file "$directory/$file"
    ln -s $file link-$file
done

# refused STATUS MESSAGE ARGUMENT...: and all files are as they were
refused() {
    wanted=$1 text=$2
    shift 2
    run "$wanted" "$@"
    err_has "$text"
    for file in pairs keys store; do
        same "$directory/$file" $file
    done
}
for prefix in '' ./ link-; do
    refused 2 "${prefix}pairs: --output can't be an input file" build -o "${prefix}pairs" pairs
    refused 2 "${prefix}pairs: --output can't be an input file" build -o "${prefix}pairs" - pairs
    refused 2 "${prefix}store: --output can't be an input file" export store -o "${prefix}store"
    refused 2 "${prefix}keys: --output can't be an input file" export store --select keys -o "${prefix}keys"
    refused 2 "${prefix}keys: --output can't be an input file" \
        export store -f store --select keys -o "${prefix}keys"
    refused 2 "${prefix}pairs: --rejects can't be the store or an input file" \
        build -o new --on-bad-line skip --rejects "${prefix}pairs" pairs
    refused 2 "${prefix}store: --json can't be an input file" bench store --json "${prefix}store"
    refused 2 "${prefix}store: --csv can't be an input file" bench store --csv "${prefix}store"
    refused 2 "${prefix}store: --csv can't be an input file" seek store --csv "${prefix}store"
done
# Text is not written over before the store is open.
cp pairs text
refused 5 'nothing: cannot open' export nothing -o text
same pairs text

# A store can be written over, in another layout: it is replaced when the new one is complete.
run 0 export store -f store --layout clustered -q -o store
run 0 scan store
same pairs "$out"
