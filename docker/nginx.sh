#!/bin/sh
# Starts nginx, and does for it what only its own container can: reloads it when the portal asks
# (a holder whose grant is revoked is cut off then, everybody else's tool goes on where it was) and
# when the portal's container was replaced and has another address, and begins a new log of transfers
# when the old one is large.
set -eu

shared=${NGINX_DIR:-/var/lib/portal/nginx}
conf=${NGINX_CONF:-/etc/nginx/nginx.conf}
most=${NGINX_LOG_BYTES:-50000000}
log=$shared/transfers.log

asked() { cat "$shared/reload" 2>/dev/null || true; }
address() { getent hosts web || true; } # of the portal, as nginx.conf names it

: > "$shared/started" # whatever an nginx before this one had begun is over
nginx -c "$conf" -g "daemon off;" &
server=$!
trap 'kill -QUIT "$server" 2>/dev/null' TERM INT
served=$(asked)
known=$(address)
while kill -0 "$server" 2>/dev/null; do
    sleep 1 &
    wait $! || true
    now=$(asked) found=$(address)
    if [ "$now" != "$served" ] || [ "${found:-$known}" != "$known" ]; then
        # It refuses while the portal has no address: asked for again in a second, and never the end
        # of this script, which would be the end of every transfer.
        if nginx -c "$conf" -s reload; then
            served=$now known=${found:-$known}
        fi
    fi
    if [ "$(stat -c %s "$log" 2>/dev/null || echo 0)" -gt "$most" ] && [ ! -e "$log.1" ]; then
        mv "$log" "$log.1"
    fi
    if [ -e "$log.1" ] && [ ! -e "$log" ]; then
        kill -USR1 "$server" || true # unlike -s reopen it reads no configuration
    fi
done
wait "$server"
