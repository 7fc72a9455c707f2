/*
 * Sequences of calls against the naive model. An input is a program: how to write a store, the
 * pairs, then lookups, scans, submitted batches, another writer at the same path, closing and
 * opening again. Every result is that of the model of the store that is open.
 */
#include "fuzz.h"

#include "answers.h"
#include "hostkey.h"
#include "indexkv.h"
#include "model.h"
#include "stores.h"
#include "tmpdir.h"

#include <stdlib.h>
#include <string.h>

#define PAIRS_MAX   300
#define KEYS_MAX    64
#define CALLS_MAX   40
#define VALUE_MAX   9000
#define COUNT(what) ((uint32_t)(sizeof(what) / sizeof((what)[0])))

typedef struct machine {
    fuzz_input input;
    const char *path;
    ikv_writer_options options;
    uint32_t stride;   /* to open it with */
    store_model next;  /* of the store at `path` */
    store_model model; /* of the open store */
    ikv_store *store;
    ikv_result *result;
    unsigned char keys[KEYS_MAX * IKV_KEY_WIDTH_MAX];
} machine;

static void check(int ok, const char *what)
{
    if (!ok)
        fuzz_fail("%s", what);
}

/* Few different keys, so that present ones, absent ones and repeats are all common. */
static void take_key(machine *m, void *key)
{
    const uint64_t number = fuzz_take(&m->input, 1);

    switch (number % 8) {
    case 0:
        hostkey_greatest(m->options.key_type, key);
        (void)(number & 8 && hostkey_previous(m->options.key_type, key));
        break;
    case 1:
        hostkey_nth(m->options.key_type, fuzz_take(&m->input, 2) * 0x9e3779b97f4a7c15u, key);
        break;
    default:
        hostkey_nth(m->options.key_type, number, key);
    }
}

/* ---------------------------------------------------------------- writing */

static void choose_options(machine *m)
{
    static const uint32_t leaf_sizes[] = {0, 4096, 8192, 16384, 32768};
    const uint32_t how = (uint32_t)fuzz_take(&m->input, 2);
    const ikv_key_type type = hostkey_types[how % hostkey_type_count];

    m->options = (ikv_writer_options)IKV_WRITER_OPTIONS_INIT;
    m->options.key_type = type;
    m->options.on_duplicate = (ikv_duplicates)(how / 32 % 3);
    m->options.memory = (uint64_t)8 << 20;
    m->stride = 0;
    if (how & 128) {
        m->options.flags = IKV_WRITE_PLAIN;
        if (hostkey_width(type) == 16 && type < IKV_KEY_BYTES(1))
            m->options.stride = m->stride = how & 256 ? 24 : 32;
        return;
    }
    m->options.layout = (ikv_layout)(how / 256 % 3);
    if (m->options.layout == IKV_LAYOUT_CLUSTERED) {
        m->options.leaf_size = leaf_sizes[how / 1024 % COUNT(leaf_sizes)];
        m->options.filter_bits = how / 8192 % 4 == 3 ? 0 : how / 8192 % 4 * 8;
        m->options.flags = how & 32768 ? IKV_WRITE_NO_V2_INDEX : 0;
    }
}

static uint32_t take_size(machine *m)
{
    const uint32_t size = (uint32_t)fuzz_take(&m->input, 1);

    return size < 200 ? size / 4 : size < 250 ? size * 3 : 3000 + (size - 250) * 1200;
}

/* Write a store at the path. The model of its pairs is m->next; it stays what it was if the writer
 * must fail. */
static void write_store(machine *m)
{
    static unsigned char value[VALUE_MAX];
    unsigned char key[IKV_KEY_WIDTH_MAX];
    ikv_writer *writer = NULL;
    ikv_build_stats stats;
    store_model model;
    ikv_error err;
    const uint32_t count = fuzz_choose(&m->input, PAIRS_MAX);

    model_init(&model, m->options.key_type);
    check(ikv_writer_new(m->path, &m->options, &writer, &err) == 0, "ikv_writer_new");
    for (uint32_t i = 0; i < count && m->input.size > 0; i++) {
        const uint32_t size = take_size(m);
        memset(value, (int)(i * 7 + 1), sizeof(value));
        take_key(m, key);
        check(ikv_writer_add(writer, key, value, size, &err) == 0, "ikv_writer_add");
        model_add(&model, key, value, size);
    }
    if (m->input.size > 0 && fuzz_take(&m->input, 1) == 255) {
        ikv_writer_abort(writer);
        model_free(&model);
        return;
    }
    const int keeps_first = m->options.on_duplicate == IKV_DUPLICATES_FIRST;
    const size_t repeats = model_sort(&model, keeps_first ? MODEL_KEEP_FIRST : MODEL_KEEP_LAST);
    const int code = ikv_writer_finish(writer, &stats, &err);
    if (repeats > 0 && m->options.on_duplicate == IKV_DUPLICATES_ERROR) {
        check(code == IKV_E_DUPLICATE, "a repeated key was not reported");
        model_free(&model);
        return;
    }
    check(code == 0, err.message);
    check(stats.pairs == model.sorted_count && stats.dropped == repeats, "counts of the writer");
    model_free(&m->next);
    m->next = model;
}

/* ---------------------------------------------------------------- opening */

static void close_store(machine *m)
{
    ikv_close(m->store);
    m->store = NULL;
    model_free(&m->model);
}

static void copy_model(const store_model *from, store_model *ret)
{
    model_init(ret, from->type);
    for (size_t i = 0; i < from->sorted_count; i++)
        model_add(ret, from->sorted[i]->key, from->sorted[i]->value, from->sorted[i]->size);
    model_sort(ret, MODEL_KEEP_ALL);
}

static void open_store(machine *m)
{
    static const uint64_t memories[] = {0, 1, 50, 200, 4000, 100000};
    static const ikv_backend backends[] = {IKV_BACKEND_PREAD, IKV_BACKEND_MMAP, IKV_BACKEND_AUTO,
                                           IKV_BACKEND_URING};
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_verify_options verifying = IKV_VERIFY_OPTIONS_INIT;
    ikv_error err;

    options.key_type = m->options.key_type;
    options.stride = m->stride;
    options.index_memory = memories[fuzz_choose(&m->input, COUNT(memories))];
    const uint32_t mode = fuzz_choose(&m->input, 16);
    options.backend = mode == 15 ? backends[3] : backends[mode % 3];
    options.engine = store_engine();
    close_store(m);
    int code = ikv_open(m->path, &options, &m->store, &err);
    if (code < 0 && options.backend == IKV_BACKEND_URING) {
        options.backend = IKV_BACKEND_PREAD;
        code = ikv_open(m->path, &options, &m->store, &err);
    }
    check(code == 0, err.message);
    verifying.memory = (uint64_t)8 << 20;
    check(ikv_verify(m->path, &options, &verifying, NULL, &err) == 0, err.message);
    copy_model(&m->next, &m->model);
}

/* ---------------------------------------------------------------- reading */

static size_t take_keys(machine *m)
{
    const size_t width = hostkey_width(m->model.type);
    const size_t count = fuzz_choose(&m->input, KEYS_MAX);

    for (size_t i = 0; i < count; i++)
        take_key(m, m->keys + i * width);
    return count;
}

static void look_up(machine *m)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    const uint32_t how = fuzz_choose(&m->input, 64);
    const size_t count = take_keys(m);
    ikv_error err;

    options.match = (ikv_match)(how % 3);
    options.flags = how & 16 ? IKV_GET_BARRIER : 0;
    options.probe = how & 32 ? IKV_PROBE_ENTRY : IKV_PROBE_PAGE;
    const int code = ikv_get_many(m->store, m->keys, count, &options, m->result, &err);
    if (code == IKV_E_UNSUPPORTED && options.probe == IKV_PROBE_ENTRY)
        return;
    check(code == 0, err.message);
    check(batch_is_right(&m->model, m->keys, count, options.match, m->result), "a wrong batch");
}

static void look_up_one(machine *m)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;

    options.match = (ikv_match)fuzz_choose(&m->input, 3);
    take_key(m, m->keys);
    const int code = ikv_get(m->store, m->keys, &options, m->result, NULL);
    const model_pair *pair = model_find(&m->model, m->keys, options.match);
    check(code == (pair ? 0 : IKV_E_NOT_FOUND), "ikv_get: found or not");
    if (code == 0)
        check(item_is_right(&m->model, m->keys, options.match, ikv_result_items(m->result)),
              "ikv_get: a wrong answer");
}

/* Submit a batch, perhaps cancel it, wait for it or let its end be waited for by clearing. */
static void submit(machine *m)
{
    const uint32_t how = fuzz_choose(&m->input, 8);
    const size_t count = take_keys(m);
    ikv_error err;

    check(ikv_submit(m->store, m->keys, count, NULL, NULL, m->result, &err) == 0, err.message);
    if (how & 1)
        ikv_cancel(m->result);
    if (how & 2) /* no effect on a busy result */
        ikv_result_clear(m->result);
    const int code = ikv_wait(m->result, &err);
    check(code == 0 || ((how & 1) && code == IKV_E_CANCELED), "ikv_wait");
    if (code == 0 && !(how & 2))
        check(batch_is_right(&m->model, m->keys, count, IKV_EXACT, m->result), "a wrong batch");
    check(ikv_wait(m->result, NULL) == IKV_E_STATE, "a batch ends twice");
}

static void scan(machine *m)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    const size_t width = hostkey_width(m->model.type);
    const uint32_t how = fuzz_choose(&m->input, 16);
    ikv_scan *scan = NULL;
    ikv_item item;
    size_t at = 0;
    size_t end = m->model.sorted_count;
    int code;

    take_key(m, m->keys);
    take_key(m, m->keys + width);
    options.from = how & 1 ? m->keys : NULL;
    options.to = how & 2 ? m->keys + width : NULL;
    options.limit = how & 4 ? 5 : 0;
    options.memory = how & 8 ? 1 : 0;
    if (options.from)
        at = model_rank(&m->model, options.from);
    while (options.to && end > 0 &&
           hostkey_compare(m->model.type, m->model.sorted[end - 1]->key, options.to) > 0)
        end--;
    if (options.limit && end > at + options.limit)
        end = at + (size_t)options.limit;
    check(ikv_scan_open(m->store, &options, &scan, NULL) == 0, "ikv_scan_open");
    for (; (code = ikv_scan_next(scan, &item, NULL)) == 0; at++) {
        check(at < end, "a scan goes too far");
        const model_pair *pair = m->model.sorted[at];
        check(hostkey_compare(m->model.type, pair->key, item.key) == 0 && pair->size == item.size &&
                  memcmp(pair->value, item.value, item.size) == 0,
              "a scan delivers another pair");
    }
    check(code == IKV_E_END && (at >= end), "a scan ends early");
    ikv_scan_close(scan);
}

static void call(machine *m)
{
    static void (*const calls[])(machine *) = {look_up, look_up_one, submit,
                                               scan,    open_store,  write_store};

    calls[fuzz_choose(&m->input, COUNT(calls))](m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    machine *m = must_malloc(sizeof(*m));

    memset(m, 0, sizeof(*m));
    m->input = (fuzz_input){bytes, size};
    m->path = fuzz_path("store");
    choose_options(m);
    model_init(&m->next, m->options.key_type);
    model_init(&m->model, m->options.key_type);
    check(ikv_result_new(&m->result) == 0, "ikv_result_new");
    const ikv_duplicates policy = m->options.on_duplicate;
    m->options.on_duplicate = IKV_DUPLICATES_LAST; /* the first store exists in any case */
    write_store(m);
    m->options.on_duplicate = policy;
    if (m->next.sorted != NULL) { /* otherwise the writer was aborted */
        open_store(m);
        for (int i = 0; i < CALLS_MAX && m->input.size > 0; i++)
            call(m);
    }
    close_store(m);
    model_free(&m->next);
    ikv_result_free(m->result);
    free(m);
    return 0;
}
