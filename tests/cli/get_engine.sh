#!/bin/sh
# get with all combinations of backend, probe, threads, batch and depth: the same answers in the same
# order.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

awk 'BEGIN {
    for (i = 0; i < 4000; i++) {
        value = ""
        for (n = i % 5; n > 0; n--)
            value = value "value of " i " "
        printf "%d\t%s\n", (i * 7919) % 100003 * 3, value
    }
}' >pairs
build -o store pairs
# In random order, with repeats, a third of them missing, and some below and above all keys.
awk -F '\t' '{ key[NR - 1] = $1 } END {
    print 0; print "18446744073709551615"
    for (i = 0; i < 4500; i++) {
        k = key[i * 2711 % NR]
        print i % 3 == 0 ? k + 1 : i % 7 == 0 ? key[i % 10] : k
    }
}' pairs >keys
awk -F '\t' 'NR == FNR { value[$1] = $2; next } { print $1 "\t" value[$1] }' pairs keys >expected
head -n 60 keys >keys.1
head -n 60 expected >expected.1
head -n 500 keys >keys.7
head -n 500 expected >expected.7

# answers_are EXPECTED ARGUMENT...
answers_are() {
    answers=$1
    shift
    last="get $*"
    "$indexkv" get store --missing empty "$@" >"$out" 2>"$err" || fail "exit status $?"
    cmp -s "$answers" "$out" || fail 'wrong answers'
    [ ! -s "$err" ] || fail 'standard error is not empty'
}

backends='auto pread'
if "$indexkv" get store --backend uring --keys keys >"$out" 2>"$err"; then
    backends='auto pread uring'
else
    err_has io_uring
fi
tried=0
for backend in $backends; do
    depths=8 # pread has none, auto the same as uring
    [ "$backend" != uring ] || depths='1 8 256'
    for depth in $depths; do
        for threads in 1 2 4; do
            for search in '--probe page' '--probe page --barrier' '--probe entry' \
                '--probe entry --barrier'; do
                set -- --backend "$backend" --depth "$depth" --threads "$threads"
                # shellcheck disable=SC2086 # $search is several words
                set -- "$@" $search
                # Each small batch can wait for a worker, so use fewer keys.
                answers_are expected.1 "$@" --keys keys.1 --batch 1
                answers_are expected.7 "$@" --keys keys.7 --batch 7
                for batch in 1000 65536; do
                    answers_are expected "$@" --keys keys --batch "$batch"
                done
                tried=$((tried + 4))
            done
        done
    done
done
[ "$tried" -ge 96 ] || fail "only $tried combinations were tried"

# The limits of options, and no memory for the index.
answers_are expected --keys keys --threads 1 --depth 4096 --batch 1000 --index-memory 1
answers_are expected --keys keys --threads 64 --depth 2 --batch 100
answers_are expected --keys keys --index-memory 1G --batch 1073741824
answers_are expected.1 --keys keys.1 --threads 1024 --depth 1

# KEY arguments: few of them, and more than this thread looks up itself (64), around that limit.
for count in 1 63 64 65 1000; do
    head -n "$count" keys >some
    head -n "$count" expected >answers
    # shellcheck disable=SC2046 # a word a key
    for threads in '' 2; do
        last="get with $count arguments"
        "$indexkv" get store --missing empty ${threads:+--threads "$threads"} $(cat some) \
            >"$out" 2>"$err"
        status=$?
        cmp -s answers "$out" || fail 'wrong answers'
        grep -c "key '.*' not found" "$err" >named
        awk -F '\t' 'NR == FNR { there[$1]; next } !($1 in there) { n++ } END { print n + 0 }' \
            pairs some >missing
        same missing named
        [ "$status" -eq $(($(cat missing) > 0)) ] || fail "exit status $status"
    done
done

# floor and ceiling, compared with a naive search of the sorted keys.
cut -f 1 pairs | sort -n >sorted
head -n 300 keys >some
awk 'NR == FNR { key[++n] = $1; next } {
    floor = ceiling = ""
    for (i = 1; i <= n; i++) {
        if (key[i] <= $1)
            floor = key[i]
        if (ceiling == "" && key[i] >= $1)
            ceiling = key[i]
    }
    print $1 "\t" floor >"floor"
    print $1 "\t" ceiling >"ceiling"
}' sorted some
for match in floor ceiling; do
    for batch in 7 1000; do
        for probe in page entry; do
            last="get --match $match --batch $batch --probe $probe"
            "$indexkv" get store --keys some --missing empty --match "$match" --batch "$batch" \
                --probe "$probe" --threads 2 2>"$err" | cut -f 1,2 >"$out"
            same "$match" "$out"
        done
    done
done

# Fewer threads than processors are not an error, fewer than requested are. (Threads can't be created
# here: the default size of their stacks, from ulimit -s, exceeds ulimit -v.)
no_threads() {
    # shellcheck disable=SC3045 # known to the shells of Debian and the BSDs
    (ulimit -s 1000000 && ulimit -v 600000 && "$indexkv" "$@") >"$out" 2>"$err"
}
if no_threads --version; then
    for keys in keys.1 keys; do
        answers=expected${keys#keys}
        last="get --keys $keys without threads"
        no_threads get store --missing empty --keys "$keys" --backend pread || fail "exit status $?"
        same "$answers" "$out"
    done
    last='get --threads 2 without threads'
    no_threads get store --keys keys --threads 2
    [ $? -eq 5 ] || fail 'exit status 5 expected'
    err_has 'cannot start 2 threads'
    out_empty
fi

# Errors are reported in the order of the keys; keys before an invalid one are answered.
awk 'NR == 500 { print "nonsense" } { print }' keys >some
awk -F '\t' 'NR == FNR { there[$1]; next } FNR < 500 && !($1 in there) { print $1 }' \
    pairs keys >missing
awk -F '\t' 'NR == FNR { value[$1] = $2; next } FNR < 500 && $1 in value { print $1 "\t" value[$1] }' \
    pairs keys >answers
for batch in 1 10 499 500 501 65536; do
    run 2 get store --keys some --missing error --batch "$batch"
    same answers "$out"
    sed -n "s/.*key '\(.*\)' not found/\1/p" "$err" >named
    same missing named
    err_has "some:500: expected a key of type u64, got 'nonsense'"
done
for batch in 1 499; do # the previous batch ends here
    run 2 get store --keys some --missing error --batch "$batch"
    tail -n 1 "$err" | grep -q nonsense || fail 'the invalid key was reported too early'
done

# A worker can't create its ring: either get succeeds without it, or the answers end there, with a
# message. (More file descriptors allow more rings.)
for files in 4 5 6 7 8 9 10; do
    [ "$backends" = 'auto pread uring' ] || break # a build without io_uring
    last="get --backend uring with $files descriptors"
    # shellcheck disable=SC3045 # known to the shells of Debian and the BSDs
    (ulimit -n "$files" && exec "$indexkv" --version) >"$out" 2>&1 ||
        continue # too few to load the program
    # shellcheck disable=SC3045
    (ulimit -n "$files" && exec "$indexkv" get store --keys keys --missing empty --backend uring \
        --threads 4 --batch 300) >"$out" 2>"$err"
    case $? in
        0) same expected "$out" ;;
        5)
            [ "$(wc -l <"$err")" -eq 1 ] || fail 'expected one message'
            head -c "$(wc -c <"$out")" expected >answers
            same answers "$out"
            ;;
        *) fail 'exit status 0 or 5 expected' ;;
    esac
done
