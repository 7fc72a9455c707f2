#!/bin/sh
# Stores at https:// URLs: TLS, HTTP/2, redirects; proxies. On nginx.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=tests/cli/nginx.sh
. "$tests/cli/nginx.sh"

command -v openssl >/dev/null || skip 'openssl is not installed'
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out certificate.pem 2>openssl.log ||
    skip "openssl can't make a certificate: $(cat openssl.log)"

seq 1 20000 | awk '{ printf "%d\tvalue %d\n", 7 * $1, $1 }' >pairs
build -o clustered --layout clustered pairs
build -o arrival pairs
seq 7 7 140000 >keys

start_nginx "listen 127.0.0.1:PORT ssl http2;
        ssl_certificate $PWD/certificate.pem;
        ssl_certificate_key $PWD/key.pem;
        error_page 497 =301 https://127.0.0.1:PORT\$request_uri;
        location /insecure/ { return 302 http://127.0.0.1:PORT/clustered; }"
url=https://127.0.0.1:$port

# An unknown authority is refused.
run 5 get "$url/clustered" 7
err_has "$url/clustered"
err_has certificate
run 5 get "$url/clustered" 7 --ca-file missing.pem

# Hundreds of requests share a connection, or few.
for store in clustered arrival; do
    run 0 get "$store" --keys keys
    mv "$out" expected
    : >access
    run 0 get "$url/$store" --keys keys --ca-file certificate.pem --connections 256
    same expected "$out"
    sleep 0.1 # nginx logs a request after its answer
    [ "$(cut -d ' ' -f 1 access | sort -u)" = HTTP/2.0 ] || fail 'not HTTP/2'
    connections=$(cut -d ' ' -f 2 access | sort -u | wc -l)
    [ "$connections" -le 4 ] || fail "$connections connections"
    run 0 verify "$url/$store" --ca-file certificate.pem
    run 0 fetch "$url/$store" -o fetched --ca-file certificate.pem
    same "$store" fetched
done

# A redirect may lead to TLS, not away from it.
run 0 get "http://127.0.0.1:$port/clustered" 7 --ca-file certificate.pem
run 5 get "$url/insecure/" 7 --ca-file certificate.pem
err_has 'HTTP status 302'
kill "$(cat nginx.pid)"

# A proxy gets the whole URL, and resolves the name, which does not exist.
start_nginx 'listen 127.0.0.1:PORT; server_name store.invalid;'
run 5 get http://store.invalid/clustered 7 --http-timeout 2
export http_proxy="http://127.0.0.1:$port"
run 0 get http://store.invalid/clustered --keys keys
run 0 get clustered --keys keys
