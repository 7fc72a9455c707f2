#!/bin/sh
# Stores at URLs, on nginx.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

# shellcheck source=tests/cli/nginx.sh
. "$tests/cli/nginx.sh"

seq 1 20000 | awk '{ printf "%d\tvalue %d\n", 7 * $1, $1 }' >pairs
build -o arrival pairs
build -o clustered --layout clustered pairs
build -o plain --plain pairs

start_nginx "listen 127.0.0.1:PORT;
        location /private/ {
            if (\$http_x_key != 'open sesame') { return 403; }
            alias $PWD/;
        }"
url=http://127.0.0.1:$port

# The same output as from files.
seq 3 5 30000 >keys
for store in arrival clustered; do
    for match in exact floor ceiling; do
        run 0 get "$store" --keys keys --match "$match" --missing empty
        mv "$out" expected
        run 0 get "$url/$store" --keys keys --match "$match" --missing empty
        same expected "$out"
    done
    run 0 scan "$store"
    mv "$out" expected
    run 0 scan "$url/$store"
    same expected "$out"
    run 0 verify "$url/$store"
    run 0 info "$url/$store" --json
    out_has '"backend":"http"'
done
run 0 get "$url/plain" --key-type u64 7 14
[ "$(cat "$out")" = "$(printf '7\tvalue 1\n14\tvalue 2')" ] || fail 'plain store'

# A cache, header lines, connections.
run 0 get "$url/clustered" --http-cache cache --http-cache-size 1M --connections 4 7
run 0 get "$url/clustered" --http-cache cache 7
run 5 get "$url/private/clustered" 7
err_has 'HTTP status 403'
run 0 get "$url/private/clustered" --http-header 'X-Key: open sesame' 7
printf 'X-Other: 1\n\nX-Key: open sesame\n' >headers
run 0 get "$url/private/clustered" --http-header-file headers 7

# Downloads.
for store in arrival clustered; do
    run 0 fetch "$url/$store" -o fetched
    same "$store" fetched
    out_has 'fetched: sound; '
done
mkdir named
(cd named && run 0 fetch --quiet "$url/clustered?signature=secret")
same clustered named/clustered
run 3 fetch "$url/plain" -o fetched
err_has '--key-type'
run 0 fetch "$url/plain" -o fetched --key-type u64
same plain fetched
run 2 fetch clustered
err_has 'expected a URL'
run 2 fetch "$url/"
err_has '--output'
run 5 fetch "$url/nothing"
err_has 'HTTP status 404'

# Measurements.
run 0 seek "$url/clustered" --depth 1,8 --time 0.02 --repeat 1
awk '/^ +[18] +1 / { rows++; bad += $6 < 0.8 || $6 > 1.2 } END { exit bad || rows != 2 }' "$out" ||
    fail 'about one request per key'
run 0 bench "$url/arrival" --depth 4 --batch 1,500 --time 0.02 --repeat 1
out_has 'requests/s'
printf '' | "$indexkv" build --quiet --key-type u64 -o empty - || fail 'empty store'
run 2 seek "$url/empty"
err_has 'the store is empty'
run 5 bench "$url/nothing"
err_has 'HTTP status 404'

# What goes wrong is said with URL and reason, and without secrets.
run 5 get "$url/nothing?signature=secret" 7
err_has "$url/nothing?...: HTTP status 404"
err_lacks secret
run 3 get "$url/pairs" 7
err_has "$url/pairs"
run 2 get "$url/clustered" --http-header secret 7
err_has '--http-header: expected'
err_lacks secret
run 2 get "$url/clustered" --connections 0 7
run 2 get "$url/clustered" --direct 7
err_has 'URL'
run 5 get "$url/clustered" --http-header-file missing 7
err_has '--http-header-file: missing'
