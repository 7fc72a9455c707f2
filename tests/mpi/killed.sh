#!/bin/sh
# A rank is killed while shards are written: the job ends, no table is published; another job, with
# another number of ranks, keeps the shards that are whole.
#   killed.sh PROGRAM MPIEXEC [OPTION...]     the number of ranks follows the last option
set -eu
program=$1
shift
directory=$(mktemp -d "${TMPDIR:-/tmp}/indexkv-mpi-killed.XXXXXX")
trap 'rm -rf "$directory"' EXIT
mkdir "$directory/table"
if "$@" 3 "$program" kill "$directory/table" 2>"$directory/err"; then
    echo 'the job with a killed rank ended well' >&2
    exit 1
fi
[ ! -e "$directory/table/manifest.json" ] || { echo 'a table was published' >&2; exit 1; }
"$@" 2 "$program" resume "$directory/table"
[ -e "$directory/table/manifest.json" ] || { echo 'no table was published' >&2; exit 1; }

# The temporary files of the killed job are gone: 20 shards and the manifest are left.
files=$(find "$directory/table" -mindepth 1 | wc -l)
[ "$files" -eq 21 ] || { ls -A "$directory/table" >&2; exit 1; }
