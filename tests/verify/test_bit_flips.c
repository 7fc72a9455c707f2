/*
 * Flips every bit of a 64 KiB store, one at a time: ikv_verify must find each and report its place.
 * For some of the bits all keys are looked up and scanned as well: no key may be missing or get a
 * wrong value.
 *
 * usage: test_bit_flips [PART]. ctest runs the PARTS parts of the work in parallel; without an
 * argument the program does all of them.
 */
#include "indexkv.h"

#include "bad_files.h"
#include "model.h"
#include "places.h"
#include "scale.h"
#include "stores.h"
#include "tmpdir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PARTS        4
#define STORE_SIZE   65536
#define HEADER_SIZE  24
#define LOOKUP_EVERY 101 /* bits; odd, so that every bit of a byte is flipped at times */

typedef struct flipped_store {
    tmpdir dir;
    char *path;
    int fd;
    store_model model;
    unsigned char *bytes; /* of the intact file */
    store_places places;
    unsigned part; /* PARTS: all parts */
} flipped_store;

/* The bytes in which a problem must be, and whether one was reported there. */
typedef struct expected_place {
    uint64_t begin;
    uint64_t end;
    int is_reported;
} expected_place;

/* ---------------------------------------------------------------- the store */

static void write_store(const char *path, const store_model *model, size_t metadata_size)
{
    ikv_writer_options options = store_options(model->type);
    unsigned char *metadata = must_malloc(metadata_size);

    memset(metadata, 'm', metadata_size);
    options.leaf_size = options.layout == IKV_LAYOUT_CLUSTERED ? 4096 : 0;
    options.metadata = metadata;
    options.metadata_size = metadata_size;
    store_write(path, model, &options);
    free(metadata);
}

/* Three index pages, or several leaves and records outside them, and values of many sizes, padded
 * to STORE_SIZE with metadata. */
static void make_store(flipped_store *flipped)
{
    rng_state random = {64};
    size_t size;

    model_init(&flipped->model, IKV_KEY_I64);
    model_fill(&flipped->model, &random, 600, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
    for (int64_t key = 0; key < 5; key++) {
        unsigned char value[7000];

        rng_fill(&random, value, sizeof(value));
        model_add(&flipped->model, &key, value, (size_t)(key * 1750));
    }
    assert_int_equal(model_sort(&flipped->model, MODEL_KEEP_ALL), 0);
    write_store(flipped->path, &flipped->model, 8);
    size = (size_t)file_size(flipped->path);
    assert_true(size < STORE_SIZE);
    write_store(flipped->path, &flipped->model, 8 + STORE_SIZE - size);
    flipped->bytes = file_read(flipped->path, &size);
    assert_int_equal(size, STORE_SIZE);
    places_read(flipped->path, IKV_KEY_I64, 0, &flipped->places);
    assert_true(flipped->places.page_count >= 3);
}

static int set_up(void **state)
{
    flipped_store *flipped = *state;

    tmpdir_make_in_memory(&flipped->dir);
    flipped->path = tmpdir_file(&flipped->dir, "flipped");
    make_store(flipped);
    flipped->fd = open(flipped->path, O_RDWR | O_CLOEXEC);
    assert_true(flipped->fd >= 0);
    return 0;
}

static int tear_down(void **state)
{
    flipped_store *flipped = *state;

    (void)close(flipped->fd);
    model_free(&flipped->model);
    places_free(&flipped->places);
    free(flipped->bytes);
    tmpdir_remove(&flipped->dir);
    free(flipped->path);
    return 0;
}

/* ---------------------------------------------------------------- places */

/* The last record outside the leaves of the extent that starts with this page. */
static const pair_place *last_outside(const store_places *places, uint64_t extent)
{
    const pair_place *last = NULL;

    for (size_t i = 0; i < places->pair_count; i++) {
        const pair_place *pair = &places->pairs[i];

        if (pair->is_outside && pair->record < extent && (!last || pair->record > last->record))
            last = pair;
    }
    return last;
}

/* In a leaf: a record, padding, or the directory, whose damage is reported at the leaf's offset. */
static expected_place place_in_leaf(const page_place *leaf, uint64_t offset)
{
    if (offset >= leaf->entries)
        return (expected_place){leaf->begin, leaf->begin + 1, 0};
    return (expected_place){leaf->begin, leaf->entries, 0};
}

static expected_place place_among_records(const store_places *places, uint64_t offset)
{
    for (size_t i = 0; i < places->pair_count; i++) {
        const pair_place *pair = &places->pairs[i];

        if (offset >= pair->record && offset < pair->end)
            return (expected_place){pair->record, pair->record + 1, 0};
    }
    for (size_t i = 0; places->is_clustered && i < places->page_count; i++)
        if (offset >= places->pages[i].begin && offset < places->pages[i].end)
            return place_in_leaf(&places->pages[i], offset);
    /* Between the last record outside and the extent: padding and the record's size. */
    const uint64_t extent = places->pages[0].begin;
    const pair_place *last = last_outside(places, extent);
    assert_true(places->is_clustered && last != NULL && offset >= last->end && offset < extent);
    return offset < extent - 8 ? (expected_place){last->end, extent - 8, 0}
                               : (expected_place){last->record, extent, 0};
}

static expected_place place_in_index(const store_places *places, uint64_t offset)
{
    const uint64_t stride = 16;
    const uint64_t entry = offset - (offset - places->index_start) % stride;

    if (places->is_clustered)
        return (expected_place){entry, entry + 1, 0};
    for (size_t i = 0; i < places->page_count; i++)
        if (offset < places->pages[i].end)
            return (expected_place){places->pages[i].begin, places->pages[i].end, 0};
    fail_msg("no page contains byte %llu", (unsigned long long)offset);
    return (expected_place){0, 0, 0};
}

static expected_place place_of(const store_places *places, uint64_t offset)
{
    if (offset < HEADER_SIZE)
        return (expected_place){0, HEADER_SIZE, 0};
    if (offset < places->records_end)
        return place_among_records(places, offset);
    if (offset < places->index_start)
        return (expected_place){places->records_end, places->index_start, 0};
    if (offset < places->index_end)
        return place_in_index(places, offset);
    return (expected_place){places->records_end, places->file_size, 0};
}

static void note_problem(void *user, const ikv_error *problem)
{
    expected_place *place = user;

    if (problem->offset >= place->begin && problem->offset < place->end)
        place->is_reported = 1;
}

/* ---------------------------------------------------------------- flips */

static void write_byte(const flipped_store *flipped, uint64_t offset, unsigned char byte)
{
    assert_int_equal(pwrite(flipped->fd, &byte, 1, (off_t)offset), 1);
}

static void check_verify(const flipped_store *flipped, uint64_t bit)
{
    expected_place place = place_of(&flipped->places, bit / 8);
    ikv_verify_options options = IKV_VERIFY_OPTIONS_INIT;
    ikv_error err;
    int code;

    options.on_problem = note_problem;
    options.user = &place;
    code = ikv_verify(flipped->path, NULL, &options, NULL, &err);
    if (code == 0)
        fail_msg("verify does not find flipped bit %llu", (unsigned long long)bit);
    if (code > IKV_E_NOT_STORE || code < IKV_E_PADDING)
        fail_msg("bit %llu: verify returned %d: %s", (unsigned long long)bit, code, err.message);
    assert_failed(code, code, &err, flipped->path);
    note_problem(&place, &err);
    /* For the header and the footer, the code says enough. */
    if (!place.is_reported && bit / 8 >= HEADER_SIZE && code != IKV_E_FOOTER)
        fail_msg("bit %llu: no problem between %llu and %llu; the first is: %s",
                 (unsigned long long)bit, (unsigned long long)place.begin,
                 (unsigned long long)place.end, err.message);
}

static void verify_finds_every_flip(void **state)
{
    const flipped_store *flipped = *state;
    size_t step = test_is_sanitized() ? 37 : 1;
    size_t found = 0;
    size_t left_out = 0;

    for (uint64_t bit = 0; bit < 8 * STORE_SIZE; bit += step) {
        unsigned char byte = flipped->bytes[bit / 8];

        if (flipped->part < PARTS && bit % PARTS != flipped->part)
            continue;
        if (!test_in_sample(bit, 8 * STORE_SIZE, 20000)) {
            left_out++;
            continue;
        }
        write_byte(flipped, bit / 8, (unsigned char)(byte ^ 1u << bit % 8));
        check_verify(flipped, bit);
        write_byte(flipped, bit / 8, byte);
        found++;
    }
    if (step == 1)
        assert_int_equal(found + left_out, 8 * STORE_SIZE / (flipped->part < PARTS ? PARTS : 1));
    assert_int_equal(ikv_verify(flipped->path, NULL, NULL, NULL, NULL), 0);
}

static void lookups_are_never_wrong(void **state)
{
    const flipped_store *flipped = *state;
    size_t step = LOOKUP_EVERY * (test_is_sanitized() ? 17 : 1);
    size_t turn = 0;

    for (uint64_t bit = 0; bit < 8 * STORE_SIZE; bit += step, turn++) {
        unsigned char byte = flipped->bytes[bit / 8];

        if (flipped->part < PARTS && turn % PARTS != flipped->part)
            continue;
        if (!test_in_sample(turn, 8 * STORE_SIZE / step, 500))
            continue;
        const ikv_backend backend = (ikv_backend)(turn / PARTS % (IKV_BACKEND_MMAP + 1));
        write_byte(flipped, bit / 8, (unsigned char)(byte ^ 1u << bit % 8));
        assert_never_wrong_with(flipped->path, &flipped->model, IKV_KEY_NONE, backend);
        /* Opening with the key type must not skip checks. */
        assert_never_wrong_with(flipped->path, &flipped->model, IKV_KEY_I64, backend);
        write_byte(flipped, bit / 8, byte);
    }
}

int main(int argc, char **argv)
{
    static flipped_store flipped;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(verify_finds_every_flip, &flipped),
        cmocka_unit_test_prestate(lookups_are_never_wrong, &flipped),
    };
    void *state = &flipped;
    int failed;

    flipped.part = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : PARTS;
    set_up(&state);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    tear_down(&state);
    return failed;
}
