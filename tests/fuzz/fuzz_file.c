/*
 * A file of any bytes: opened with every backend and option, read by every call, verified.
 *
 *     0  u8   what to repair and how to open: REPAIR, then the mode
 *     1  u8   memory for the index
 *     2  u8   key type given at opening; 0: none
 *     3  u8   options of lookups
 *     4  ...  the file
 *
 * Whatever the bytes are: each value found is one that the file holds by FORMAT.md. If ikv_verify
 * finds no problem, the independent decoder finds none, and every answer is that of its pairs.
 */
#include "fuzz.h"

#include "answers.h"
#include "decoded.h"
#include "engines.h"
#include "holds.h"
#include "hostkey.h"
#include "indexkv.h"
#include "repair.h"
#include "stores.h"
#include "tmpdir.h"

#include <stdlib.h>
#include <string.h>

#define REPAIR   1u
#define KEYS_MAX 48
#define MODES    (sizeof(modes) / sizeof(modes[0]))

static const struct {
    ikv_backend backend;
    uint32_t flags;
} modes[] = {
    {IKV_BACKEND_PREAD, 0},
    {IKV_BACKEND_MMAP, 0},
    {IKV_BACKEND_AUTO, 0},
    {IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP},
    {IKV_BACKEND_AUTO, IKV_OPEN_PRIME},
    {IKV_BACKEND_MMAP, IKV_OPEN_PRELOAD},
    {IKV_BACKEND_AUTO, IKV_OPEN_PRELOAD_INDEX},
    {IKV_BACKEND_URING, 0},
    {IKV_BACKEND_PREAD, IKV_OPEN_DIRECT},
};

static const uint64_t memories[] = {0, 1, 64, 300, 5000, 100000};

typedef struct session {
    ikv_store *store;
    ikv_result *result;
    ikv_info info;
    held_file file;
    store_model model; /* of a file that ikv_verify finds sound */
    int is_sound;
    unsigned char keys[KEYS_MAX * IKV_KEY_WIDTH_MAX];
    size_t key_count;
    size_t scanned; /* pairs that the scan in key order delivered */
} session;

static void must_hold(const session *s, const void *key, const ikv_item *item, const void *value)
{
    if (s->is_sound && item->status != IKV_FOUND)
        fuzz_fail("status %d in a sound file", (int)item->status);
    if (item->status == IKV_FOUND && !file_holds(&s->file, key, value, item->size))
        fuzz_fail("a wrong value of %u bytes", (unsigned)item->size);
}

/* ---------------------------------------------------------------- scans */

static void scan(session *s, ikv_order order, const void *from, const void *to)
{
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    const size_t width = hostkey_width(s->info.key_type);
    ikv_scan *scan = NULL;
    ikv_error err;
    ikv_item item;
    /* In storage order damage may show at the end only. Leaves with right checksums may have more
     * entries than the store has pairs; each takes at least its size, of two bytes. */
    const uint64_t most = order != IKV_ORDER_KEY                   ? s->file.size / 4
                          : s->info.layout == IKV_LAYOUT_CLUSTERED ? s->file.size / 2
                                                                   : s->info.pair_count;
    uint64_t items = 0;
    int code;

    options.order = order;
    options.from = from;
    options.to = to;
    options.memory = from != NULL ? 100 : 0;
    if (ikv_scan_open(s->store, &options, &scan, &err) < 0)
        return;
    while ((code = ikv_scan_next(scan, &item, &err)) == 0) {
        must_hold(s, item.key, &item, item.value);
        if (items++ >= most)
            fuzz_fail("a scan of more items than the store has pairs");
        if (order != IKV_ORDER_KEY || from != NULL)
            continue;
        if (s->key_count < KEYS_MAX - 8)
            memcpy(s->keys + width * s->key_count++, item.key, width);
    }
    if (s->is_sound && code != IKV_E_END)
        fuzz_fail("a scan of a sound file ended with %d: %s", code, err.message);
    if (s->is_sound && from == NULL && items != s->model.sorted_count)
        fuzz_fail("a scan of a sound file found %llu items", (unsigned long long)items);
    ikv_scan_close(scan);
}

/* ---------------------------------------------------------------- lookups */

static int each(void *user, size_t index, const ikv_item *item)
{
    const session *s = user;

    (void)index;
    if (!file_holds(&s->file, item->key, item->value, item->size))
        fuzz_fail("a wrong value was passed on");
    return 0;
}

/* A batch that leaves its values in the result. */
static void look_up(session *s, ikv_match match, ikv_probe probe, uint32_t flags)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    const size_t width = hostkey_width(s->info.key_type);
    ikv_error err;

    options.match = match;
    options.probe = probe;
    options.flags = flags;
    const int code = ikv_get_many(s->store, s->keys, s->key_count, &options, s->result, &err);
    if (code < 0 && s->is_sound && code != IKV_E_UNSUPPORTED)
        fuzz_fail("a batch in a sound file failed with %d: %s", code, err.message);
    for (size_t i = 0; i < ikv_result_count(s->result); i++) {
        const ikv_item *item = &ikv_result_items(s->result)[i];
        const unsigned char *key = s->keys + i * width;
        if (item->status == IKV_FOUND)
            must_hold(s, item->key, item, item->value);
        if (s->is_sound && !(flags & IKV_GET_IN_PLACE) && code == 0 &&
            !item_is_right(&s->model, key, match, item))
            fuzz_fail("key %zu of a sound file, match %d: wrong answer", i, (int)match);
    }
}

/* A batch that passes its values on: with on_value, or to an array. */
static void pass_on(session *s, int to_array)
{
    static unsigned char values[KEYS_MAX * 4];
    ikv_get_options options = IKV_GET_OPTIONS_INIT;

    if (to_array) {
        options.values = values;
        options.value_size = 4;
    } else {
        options.on_value = each;
        options.user = s;
    }
    (void)!ikv_get_many(s->store, s->keys, s->key_count, &options, s->result, NULL);
}

static void look_up_singly(session *s)
{
    const size_t width = hostkey_width(s->info.key_type);

    for (size_t i = 0; i < s->key_count && i < 6; i++) {
        const unsigned char *key = s->keys + i * width;
        const int code = ikv_get(s->store, key, NULL, s->result, NULL);
        if (code == 0)
            must_hold(s, key, ikv_result_items(s->result), ikv_result_items(s->result)->value);
        else if (s->is_sound && code != IKV_E_NOT_FOUND)
            fuzz_fail("ikv_get in a sound file: %d", code);
    }
}

/* Absent keys, or rather keys next to those that are there. */
static void add_keys(session *s)
{
    const ikv_key_type type = s->info.key_type;
    const size_t width = hostkey_width(type);

    for (size_t i = 0; i < 6; i++) {
        unsigned char *key = s->keys + width * s->key_count;
        if (i == 0)
            hostkey_least(type, key);
        else if (i == 1)
            hostkey_greatest(type, key);
        else {
            hostkey_least(type, key);
            if (s->key_count > i)
                memcpy(key, s->keys + width * (s->key_count / i), width);
            if (!hostkey_next(type, key))
                continue;
        }
        s->key_count++;
    }
}

/* ---------------------------------------------------------------- the whole file */

static void read_all(session *s, unsigned how)
{
    const size_t width = hostkey_width(s->info.key_type);

    scan(s, IKV_ORDER_KEY, NULL, NULL);
    add_keys(s);
    look_up(s, IKV_EXACT, IKV_PROBE_PAGE, how & 1 ? IKV_GET_BARRIER | IKV_GET_LATENCY : 0);
    look_up(s, how & 2 ? IKV_FLOOR : IKV_CEILING, IKV_PROBE_PAGE, 0);
    look_up(s, IKV_EXACT, IKV_PROBE_PAGE, IKV_GET_IN_PLACE);
    if (how & 4)
        look_up(s, how & 2 ? IKV_CEILING : IKV_FLOOR, IKV_PROBE_ENTRY, 0);
    if (how & 8)
        pass_on(s, (how & 16) != 0);
    look_up_singly(s);
    if (how & 32)
        scan(s, IKV_ORDER_KEY, s->keys, s->keys + width * (s->key_count / 2));
    scan(s, IKV_ORDER_STORAGE, NULL, NULL);
}

static void verify(session *s, const char *path, const ikv_open_options *options)
{
    ikv_verify_options verifying = IKV_VERIFY_OPTIONS_INIT;
    char error[320] = "";
    ikv_error err;

    verifying.memory = (uint64_t)8 << 20;
    s->is_sound = ikv_verify(path, options, &verifying, NULL, &err) == 0;
    const int code = fuzz_decode(path, &s->info, &s->model, error);
    if (s->is_sound && code != 0)
        fuzz_fail("ikv_verify finds no problem, but the decoder does: %s", error);
}

static void open_and_read(const char *path, const ikv_open_options *options, unsigned how,
                          const uint8_t *bytes, size_t size)
{
    session *s = must_malloc(sizeof(*s));
    ikv_error err;

    memset(s, 0, sizeof(*s));
    if (ikv_open(path, options, &s->store, &err) == 0) {
        ikv_store_info(s->store, &s->info);
        held_file_set(&s->file, bytes, size, &s->info);
        if (ikv_result_new(&s->result) < 0)
            abort();
        verify(s, path, options);
        read_all(s, how);
        ikv_result_free(s->result);
        model_free(&s->model);
        ikv_close(s->store);
    } else if (err.message[0] == '\0' || strchr(err.message, '\n') != NULL)
        fuzz_fail("a message of no line, or of several");
    free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    fuzz_input input = {bytes, size};
    const unsigned first = (unsigned)fuzz_take(&input, 1);
    const uint32_t memory = fuzz_choose(&input, (uint32_t)(sizeof(memories) / sizeof(memories[0])));
    const uint32_t type = fuzz_choose(&input, (uint32_t)hostkey_type_count + 1);
    const unsigned how = (unsigned)fuzz_take(&input, 1);
    uint8_t *file = must_malloc(input.size);

    memcpy(file, input.bytes, input.size);
    if (first & REPAIR)
        fuzz_repair(file, input.size);
    options.backend = modes[first / 2 % MODES].backend;
    options.flags = modes[first / 2 % MODES].flags;
    options.index_memory = memories[memory];
    options.key_type = type > 0 ? hostkey_types[type - 1] : IKV_KEY_NONE;
    options.engine = store_engine();
    const char *path = fuzz_write("file", file, input.size);
    open_and_read(path, &options, how, file, input.size);
    free(file);
    return 0;
}
