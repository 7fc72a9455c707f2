# shellcheck shell=sh
# For tests that need nginx: start_nginx SERVER_CONFIGURATION, in which PORT stands for a free port,
# which is then in $port. Sourced after common.sh.

skip() {
    echo "skipped: $*" >&2
    exit 77
}

nginx=$(command -v nginx || echo /usr/sbin/nginx)
[ -x "$nginx" ] || skip 'nginx is not installed'

# nginx fails at once if another process has the port.
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
    log_format short '\$server_protocol \$connection';
    access_log $PWD/access short;
    client_body_temp_path $PWD/body;
    proxy_temp_path $PWD/proxy;
    fastcgi_temp_path $PWD/fastcgi;
    uwsgi_temp_path $PWD/uwsgi;
    scgi_temp_path $PWD/scgi;
    server {
        root $PWD;
        $(printf '%s' "$1" | sed "s/PORT/$port/g")
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
