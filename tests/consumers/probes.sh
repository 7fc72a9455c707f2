#!/bin/sh
# The library has the trace points that docs/observability.md lists, and no others.
#   probes.sh LIBRARY DOCUMENT; skipped if it was built without sys/sdt.h
set -eu
notes=$(readelf -n "$1" 2>/dev/null)
printf '%s\n' "$notes" | grep -q stapsdt || { echo 'skipped: built without sys/sdt.h' >&2; exit 77; }
found=$(printf '%s\n' "$notes" |
    awk '/Provider: indexkv/ { on = 1; next } on && /Name:/ { print $2; on = 0 }' | sort -u)
documented=$(awk -F '`' '/^## Trace points/ { on = 1 } on && /^\| `/ { print $2 }' "$2" | sort -u)
[ "$found" = "$documented" ] || {
    printf 'in the library:\n%s\ndocumented:\n%s\n' "$found" "$documented" >&2
    exit 1
}
