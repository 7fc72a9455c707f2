#!/bin/sh
# The library has the trace points that docs/observability.md lists, each with as many arguments, and
# no others; the script for bpftrace uses all of them.
#   probes.sh LIBRARY DOCUMENT SCRIPT; skipped if it was built without sys/sdt.h
set -eu
notes=$(LC_ALL=C readelf -n "$1" 2>/dev/null)
printf '%s\n' "$notes" | grep -q stapsdt || { echo 'skipped: built without sys/sdt.h' >&2; exit 77; }

# same WHAT FOUND DOCUMENTED
same() {
    [ "$2" = "$3" ] || { printf '%s:\n%s\ndocumented:\n%s\n' "$1" "$2" "$3" >&2; exit 1; }
}

# "NAME <space> ARGUMENTS" of each
found=$(printf '%s\n' "$notes" | awk '
    $1 == "Provider:" { on = $2 == "indexkv" }
    on && $1 == "Name:" { name = $2 }
    on && $1 == "Arguments:" { print name, NF - 1 }' | sort -u)
documented=$(awk -F '|' '
    /^## Trace points/ { on = 1 }
    on && /^\| `/ {
        gsub(/[` ]/, "", $2)
        sub(/:.*/, "", $3)
        print $2, split($3, arguments, ",")
    }' "$2" | sort -u)
same 'in the library' "$found" "$documented"
same "in $3" "$(sed -nE 's/^usdt:\*:indexkv:([a-z_]+).*/\1/p' "$3" | sort -u)" \
    "$(printf '%s\n' "$documented" | cut -d ' ' -f 1)"
