/*
 * Static trace points (USDT), for bpftrace, perf and SystemTap: provider "indexkv". Each is one
 * no-op instruction until it is traced. Without sys/sdt.h when the library is built they are left
 * out. docs/observability.md lists them.
 */
#ifndef IKV_PROBES_H
#define IKV_PROBES_H

#if defined(__has_include) && !defined(IKV_PORTABLE)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define IKV_HAVE_PROBES
#endif
#endif

#ifdef IKV_HAVE_PROBES
#ifdef __clang__ /* the macros of sys/sdt.h pass no variable arguments */
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif
#define IKV_TRACE2(name, a, b)    DTRACE_PROBE2(indexkv, name, a, b)
#define IKV_TRACE3(name, a, b, c) DTRACE_PROBE3(indexkv, name, a, b, c)
#else
#define IKV_TRACE2(name, a, b)                                                                     \
    do {                                                                                           \
        (void)(a);                                                                                 \
        (void)(b);                                                                                 \
    } while (0)
#define IKV_TRACE3(name, a, b, c)                                                                  \
    do {                                                                                           \
        (void)(a);                                                                                 \
        (void)(b);                                                                                 \
        (void)(c);                                                                                 \
    } while (0)
#endif

#endif
