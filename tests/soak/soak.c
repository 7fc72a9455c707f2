/*
 * Readers in all modes while everything around them changes.
 *   soak [SECONDS]     default: 3
 *
 * One thread replaces the store again and again, by another generation of the same keys, in
 * another layout. Others drop it from the page cache, truncate copies that readers have open, and
 * take descriptors and memory away from the process for moments. Readers open the path, look up
 * batches in their own way (each backend, submitted batches, callbacks, scans), and close it.
 *
 * Every answer must be that of one generation for as long as a store is open, or an error that the
 * disturbances explain. Each mode must have had right answers in the end.
 */
#include "indexkv.h"

#include "rng.h"
#include "scale.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define KEYS       3000u
#define BATCH      300u
#define VALUE_SIZE 200u

typedef enum use { USE_BATCH, USE_SINGLE, USE_SUBMIT, USE_CALLBACK, USE_SCAN } use;

typedef struct mode {
    const char *name;
    ikv_backend backend;
    uint32_t flags;
    use use;
    bool of_copy; /* reads the file that is truncated */
} mode;

static const mode modes[] = {
    {"pread", IKV_BACKEND_PREAD, 0, USE_BATCH, false},
    {"mmap", IKV_BACKEND_MMAP, 0, USE_BATCH, false},
    {"auto", IKV_BACKEND_AUTO, 0, USE_BATCH, false},
    {"auto, single keys", IKV_BACKEND_AUTO, 0, USE_SINGLE, false},
    {"uring", IKV_BACKEND_URING, 0, USE_BATCH, false},
    {"auto, submitted", IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP, USE_SUBMIT, false},
    {"auto, callbacks", IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP, USE_CALLBACK, false},
    {"scan", IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP, USE_SCAN, false},
    {"truncated, pread", IKV_BACKEND_PREAD, 0, USE_BATCH, true},
    {"truncated, no map", IKV_BACKEND_AUTO, IKV_OPEN_NO_MAP, USE_BATCH, true},
};
#define MODES (sizeof(modes) / sizeof(modes[0]))

typedef struct reader {
    const mode *mode;
    pthread_t thread;
    uint64_t right;  /* answers */
    uint64_t errors; /* calls that failed */
    uint64_t opened;
    _Atomic uint64_t generation; /* of the open store; 0: not known yet */
    atomic_bool is_wrong;
} reader;

static struct {
    tmpdir dir;
    char *path;
    char *copy;
    atomic_bool stop;
    reader readers[MODES];
} world;

/* ---------------------------------------------------------------- generations */

/* Bytes 0 to 7 of a value are the generation, the others follow from it and the key. */
static size_t fill_value(uint64_t key, uint64_t generation, unsigned char *value)
{
    const size_t size = 8 + (size_t)(key * 31 + generation) % (VALUE_SIZE - 8);

    memcpy(value, &generation, 8);
    for (size_t i = 8; i < size; i++)
        value[i] = (unsigned char)(key * 131 + generation * 17 + i);
    return size;
}

/* Note the generation of the first value; all others must have the same one. */
static bool is_right(reader *r, uint64_t key, const void *bytes, size_t size)
{
    unsigned char expected[VALUE_SIZE];
    uint64_t generation = 0;
    uint64_t known = 0;

    if (size < 8)
        return false;
    memcpy(&generation, bytes, 8);
    if (!atomic_compare_exchange_strong(&r->generation, &known, generation) && known != generation)
        return false;
    return fill_value(key, generation, expected) == size && memcmp(expected, bytes, size) == 0;
}

static int write_generation(const char *path, uint64_t generation)
{
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    unsigned char value[VALUE_SIZE];
    ikv_writer *writer = NULL;

    options.key_type = IKV_KEY_U64;
    options.memory = (uint64_t)8 << 20;
    options.layout = generation % 2 ? IKV_LAYOUT_CLUSTERED : IKV_LAYOUT_ARRIVAL;
    options.filter_bits = generation % 4 == 3 ? 8 : 0;
    int code = ikv_writer_new(path, &options, &writer, NULL);
    for (uint64_t i = 0; i < KEYS && code == 0; i++) {
        const uint64_t key = i * 7919 % KEYS * 3;
        code = ikv_writer_add(writer, &key, value, fill_value(key, generation, value), NULL);
    }
    if (code == 0)
        return ikv_writer_finish(writer, NULL, NULL);
    ikv_writer_abort(writer);
    return code;
}

/* ---------------------------------------------------------------- reading */

static void wrong(reader *r, const char *what)
{
    if (!atomic_exchange(&r->is_wrong, true))
        (void)fprintf(stderr, "%s: %s\n", r->mode->name, what);
}

typedef struct batch {
    reader *reader;
    uint64_t keys[BATCH];
} batch;

static int on_value(void *user, size_t index, const ikv_item *item)
{
    batch *b = user;

    if (!is_right(b->reader, b->keys[index], item->value, item->size))
        wrong(b->reader, "a wrong value in a callback");
    return 0;
}

/* Keys divisible by 3 are present. */
static void check_items(batch *b, const ikv_result *result, bool values_passed_on)
{
    for (size_t i = 0; i < ikv_result_count(result); i++) {
        const ikv_item *item = &ikv_result_items(result)[i];
        const bool is_present = b->keys[i] % 3 == 0;

        if (item->status == IKV_UNREADABLE)
            continue;
        if (item->status == IKV_CORRUPT && b->reader->mode->of_copy)
            continue; /* cut while it was read */
        if (item->status != (is_present ? IKV_FOUND : IKV_MISSING))
            wrong(b->reader,
                  is_present ? "a key is missing, or damaged" : "an absent key is found");
        else if (is_present && !values_passed_on &&
                 !is_right(b->reader, b->keys[i], item->value, item->size))
            wrong(b->reader, "a wrong value");
        else
            b->reader->right++;
    }
}

static int run_batch(reader *r, ikv_store *store, ikv_result *result, rng_state *rng)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    batch b = {.reader = r};
    const bool passes_on = r->mode->use == USE_CALLBACK;
    int code;

    for (size_t i = 0; i < BATCH; i++)
        b.keys[i] = rng_below(rng, (uint64_t)KEYS * 3);
    if (passes_on) {
        options.on_value = on_value;
        options.user = &b;
    }
    if (r->mode->use == USE_SINGLE) {
        code = ikv_get(store, b.keys, NULL, result, NULL);
        code = code == IKV_E_NOT_FOUND ? 0 : code;
    } else if (r->mode->use == USE_SUBMIT) {
        code = ikv_submit(store, b.keys, BATCH, &options, NULL, result, NULL);
        if (code == 0)
            code = ikv_wait(result, NULL);
    } else {
        code = ikv_get_many(store, b.keys, BATCH, &options, result, NULL);
    }
    check_items(&b, result, passes_on);
    ikv_result_clear(result); /* `b` ends here */
    return code;
}

static int run_scan(reader *r, ikv_store *store)
{
    ikv_scan *scan = NULL;
    uint64_t expected = 0;
    ikv_item item;
    int code = ikv_scan_open(store, NULL, &scan, NULL);

    while (code == 0 && (code = ikv_scan_next(scan, &item, NULL)) == 0) {
        uint64_t key;
        memcpy(&key, item.key, sizeof(key));
        if (item.status != IKV_UNREADABLE && (key != expected || item.status != IKV_FOUND ||
                                              !is_right(r, key, item.value, item.size)))
            wrong(r, "a scan delivers another pair");
        expected = key + 3;
        r->right++;
    }
    if (code == IKV_E_END && expected != (uint64_t)KEYS * 3)
        wrong(r, "a scan ends early");
    ikv_scan_close(scan);
    return code == IKV_E_END ? 0 : code;
}

static void *read_on(void *user)
{
    reader *r = user;
    rng_state rng = {(uint64_t)(r->mode - modes)};
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_engine_options engine = IKV_ENGINE_OPTIONS_INIT;
    ikv_result *result = NULL;

    engine.threads = 1;
    options.backend = r->mode->backend;
    options.flags = r->mode->flags;
    if (ikv_engine_new(&engine, &options.engine, NULL) < 0 || ikv_result_new(&result) < 0)
        abort();
    while (!atomic_load(&world.stop)) {
        ikv_store *store = NULL;
        int code = ikv_open(r->mode->of_copy ? world.copy : world.path, &options, &store, NULL);

        atomic_store(&r->generation, 0);
        r->opened += code == 0;
        for (int i = 0; i < 8 && code == 0; i++)
            code =
                r->mode->use == USE_SCAN ? run_scan(r, store) : run_batch(r, store, result, &rng);
        r->errors += code < 0;
        ikv_close(store);
    }
    ikv_result_free(result);
    ikv_engine_close(options.engine);
    return NULL;
}

/* ---------------------------------------------------------------- disturbing */

static void pause_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    (void)nanosleep(&time, NULL);
}

static void drop_cache(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    (void)close(fd);
}

/* Set a limit so low that calls fail, for a moment. */
static void squeeze(int resource, rlim_t low)
{
    struct rlimit before;

    if (getrlimit((__rlimit_resource_t)resource, &before) != 0)
        return;
    const struct rlimit now = {low, before.rlim_max};
    (void)setrlimit((__rlimit_resource_t)resource, &now);
    pause_ms(2);
    (void)setrlimit((__rlimit_resource_t)resource, &before);
}

/* Write a copy, and cut it while readers have it open. */
static void truncate_copy(rng_state *rng, uint64_t generation)
{
    if (write_generation(world.copy, generation) != 0)
        return;
    pause_ms(10);
    const off_t size = (off_t)file_size(world.copy);
    (void)!truncate(world.copy, (off_t)rng_below(rng, (uint64_t)size));
    pause_ms(5);
}

static uint64_t disturb(uint64_t seconds)
{
    rng_state rng = {18};
    struct timespec begin;
    struct timespec now;
    uint64_t generation = 1;

    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        /* While descriptors or memory are short, writing fails, and the old store stays. */
        (void)write_generation(world.path, ++generation);
        drop_cache(world.path);
        truncate_copy(&rng, generation);
        squeeze(RLIMIT_NOFILE, 3);
        if (!test_is_sanitized()) /* sanitizers need memory of their own */
            squeeze(RLIMIT_AS, 1 << 20);
        squeeze(RLIMIT_MEMLOCK, 0);
        pause_ms(20);
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((uint64_t)(now.tv_sec - begin.tv_sec) < seconds);
    return generation;
}

/* ---------------------------------------------------------------- */

int main(int argc, char **argv)
{
    const uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 3;
    int failed = 0;

    tmpdir_make(&world.dir);
    world.path = tmpdir_file(&world.dir, "store");
    world.copy = tmpdir_file(&world.dir, "copy");
    if (write_generation(world.path, 1) != 0 || write_generation(world.copy, 1) != 0)
        test_die("cannot write the first generation");
    for (size_t i = 0; i < MODES; i++) {
        world.readers[i].mode = &modes[i];
        if (pthread_create(&world.readers[i].thread, NULL, read_on, &world.readers[i]) != 0)
            test_die("cannot start a thread");
    }
    const uint64_t generations = disturb(seconds);
    atomic_store(&world.stop, true);
    for (size_t i = 0; i < MODES; i++) {
        reader *r = &world.readers[i];
        (void)pthread_join(r->thread, NULL);
        printf("%-20s %8llu opened %10llu right %6llu errors%s\n", r->mode->name,
               (unsigned long long)r->opened, (unsigned long long)r->right,
               (unsigned long long)r->errors, atomic_load(&r->is_wrong) ? "  WRONG" : "");
        failed |= atomic_load(&r->is_wrong);
        if (r->right == 0 && r->mode->backend != IKV_BACKEND_URING)
            failed = 1;
    }
    printf("%llu generations in %llu s, %zu files left\n", (unsigned long long)generations,
           (unsigned long long)seconds, tmpdir_count(&world.dir));
    failed |= tmpdir_count(&world.dir) != 2;
    free(world.path);
    free(world.copy);
    tmpdir_remove(&world.dir);
    return failed;
}
