#!/bin/sh
# Stores at URLs, on nginx.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

skip() {
    echo "skipped: $*" >&2
    exit 77
}

nginx=$(command -v nginx || echo /usr/sbin/nginx)
[ -x "$nginx" ] || skip 'nginx is not installed'

seq 1 20000 | awk '{ printf "%d\tvalue %d\n", 7 * $1, $1 }' >pairs
build -o arrival pairs
build -o clustered --layout clustered pairs
build -o plain --plain pairs

# A free port: nginx fails at once if another process has it.
start_nginx() {
    for port in 18431 18432 18433 18434 18435 18436; do
        cat >nginx.conf <<CONF
user $(id -un);
daemon on;
pid $PWD/nginx.pid;
error_log $PWD/nginx.log;
worker_processes 1;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $PWD/body;
    proxy_temp_path $PWD/proxy;
    fastcgi_temp_path $PWD/fastcgi;
    uwsgi_temp_path $PWD/uwsgi;
    scgi_temp_path $PWD/scgi;
    server {
        listen 127.0.0.1:$port;
        root $PWD;
        location /private/ {
            if (\$http_x_key != "open sesame") { return 403; }
            alias $PWD/;
        }
    }
}
CONF
        if "$nginx" -p "$PWD" -c "$PWD/nginx.conf" >nginx.out 2>&1; then
            trap 'kill "$(cat "$PWD/nginx.pid")"; rm -rf "$directory"' EXIT
            return
        fi
    done
    skip "nginx does not start: $(cat nginx.out)"
}
start_nginx
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
