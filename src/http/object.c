#include "http/object.h"

#include "core/base/bytes.h"

#include <stdio.h>

#define GAP_MIN ((uint64_t)64 << 10)
#define GAP_MAX ((uint64_t)1 << 20)

void ikv_http_note_failure(struct ikv_http_object *object, int code, const char *text)
{
    if (ikv_process_is_forked(&object->process))
        return;
    (void)pthread_mutex_lock(&object->lock);
    unsigned i = 0;
    while (i < IKV_HTTP_FAILURES && object->failures[i].code != code)
        i++;
    if (i == IKV_HTTP_FAILURES)
        i = object->next_failure++ % IKV_HTTP_FAILURES;
    object->failures[i].code = code;
    (void)snprintf(object->failures[i].text, sizeof object->failures[i].text, "%s", text);
    (void)pthread_mutex_unlock(&object->lock);
}

const char *ikv_http_failure(struct ikv_http_object *object, int code, char *buf, size_t size)
{
    buf[0] = 0;
    if (ikv_process_is_forked(&object->process))
        return buf;
    (void)pthread_mutex_lock(&object->lock);
    for (unsigned i = 0; i < IKV_HTTP_FAILURES; i++)
        if (object->failures[i].code == code)
            (void)snprintf(buf, size, "%s", object->failures[i].text);
    (void)pthread_mutex_unlock(&object->lock);
    return buf;
}

/* A request saved is worth the bytes that arrive meanwhile. Those of all connections arrive while
 * one of them waits, so that the share of one counts. */
uint64_t ikv_http_gap(const struct ikv_http_object *object, unsigned requests)
{
    const uint64_t latency = atomic_load_explicit(&object->latency_us, memory_order_relaxed);
    const uint64_t rate = atomic_load_explicit(&object->rate, memory_order_relaxed);

    if (object->max_gap)
        return object->max_gap;
    return ikv_max(GAP_MIN, ikv_min(latency * rate / 1000 / requests, GAP_MAX));
}
