/* The local cache of remote blocks: what it returns is what was added, or nothing. */
#include "http/cache.h"

#include "fixtures.h"
#include "rng.h"
#include "scale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define OBJECT_SIZE (3 * 1000 * 1000 + 17)
#define CACHE_SIZE  ((uint64_t)2 << 20)

static unsigned char *object;

static struct ikv_http_cache *open_cache(const char *path, uint64_t id)
{
    struct ikv_http_cache *cache = NULL;
    ikv_error err;

    assert_int_equal(ikv_http_cache_open(path, CACHE_SIZE, id, OBJECT_SIZE, &cache, &err), 0);
    return cache;
}

/* Adds [begin, end) in pieces of random sizes, as they would arrive. */
static void add(struct ikv_http_cache *cache, uint64_t begin, uint64_t end, rng_state *rng)
{
    struct ikv_http_piece *piece = must_malloc(sizeof *piece);

    piece->next = UINT64_MAX;
    while (begin < end) {
        uint64_t n = 1 + rng_below(rng, 20000);
        if (n > end - begin)
            n = end - begin;
        ikv_http_cache_add(cache, piece, begin, object + begin, (size_t)n);
        begin += n;
    }
    free(piece);
}

/* Random reads return the object's bytes or miss. Returns the number of hits. */
static size_t check(struct ikv_http_cache *cache, size_t reads, rng_state *rng)
{
    unsigned char bytes[40000];
    size_t hits = 0;

    for (size_t i = 0; i < reads; i++) {
        const size_t size = 1 + (size_t)rng_below(rng, sizeof bytes);
        const uint64_t offset = rng_below(rng, OBJECT_SIZE - size + 1);
        if (!ikv_http_cache_read(cache, bytes, size, offset))
            continue;
        hits++;
        assert_memory_equal(bytes, object + offset, size);
    }
    return hits;
}

static void whole_blocks_are_kept(void **state)
{
    char *path = tmpdir_file(&group_dir, "blocks");
    struct ikv_http_cache *cache = open_cache(path, 1);
    rng_state rng = {1};
    unsigned char bytes[3 * IKV_CACHE_BLOCK];

    (void)state;
    add(cache, 100, 3 * IKV_CACHE_BLOCK + 5, &rng); /* blocks 1 and 2 are whole */
    assert_true(ikv_http_cache_read(cache, bytes, 2 * IKV_CACHE_BLOCK, IKV_CACHE_BLOCK));
    assert_memory_equal(bytes, object + IKV_CACHE_BLOCK, 2 * IKV_CACHE_BLOCK);
    assert_true(ikv_http_cache_read(cache, bytes, 7, 2 * IKV_CACHE_BLOCK - 3));
    assert_memory_equal(bytes, object + 2 * IKV_CACHE_BLOCK - 3, 7);
    assert_false(ikv_http_cache_read(cache, bytes, 1, 200));
    assert_false(ikv_http_cache_read(cache, bytes, 1, 3 * IKV_CACHE_BLOCK));
    assert_false(ikv_http_cache_read(cache, bytes, IKV_CACHE_BLOCK + 1, 2 * IKV_CACHE_BLOCK));

    /* The last block is shorter. */
    add(cache, OBJECT_SIZE - 3000, OBJECT_SIZE, &rng);
    const uint64_t last = OBJECT_SIZE / IKV_CACHE_BLOCK * IKV_CACHE_BLOCK;
    assert_true(ikv_http_cache_read(cache, bytes, (size_t)(OBJECT_SIZE - last), last));
    assert_memory_equal(bytes, object + last, (size_t)(OBJECT_SIZE - last));
    ikv_http_cache_close(cache);
    free(path);
}

static void objects_do_not_mix(void **state)
{
    char *path = tmpdir_file(&group_dir, "objects");
    struct ikv_http_cache *one = open_cache(path, 1);
    struct ikv_http_cache *two = open_cache(path, 2);
    rng_state rng = {2};

    (void)state;
    add(one, 0, OBJECT_SIZE / 4, &rng);
    assert_int_equal(check(two, 500, &rng), 0);
    assert_true(check(one, 500, &rng) > 0);
    ikv_http_cache_close(two);
    for (uint64_t id = 3; id < 40; id++) { /* whose blocks have other places, some of them one's */
        two = open_cache(path, id);
        assert_int_equal(check(two, 100, &rng), 0);
        ikv_http_cache_close(two);
    }
    ikv_http_cache_close(one);

    one = open_cache(path, 1); /* it stays */
    assert_true(check(one, 500, &rng) > 0);
    ikv_http_cache_close(one);
    free(path);
}

static void size_is_bounded(void **state)
{
    char *path = tmpdir_file(&group_dir, "bounded");
    struct ikv_http_cache *cache = open_cache(path, 1);
    rng_state rng = {3};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        add(cache, 0, OBJECT_SIZE, &rng);
        assert_true(file_size(path) <= CACHE_SIZE);
    }
    assert_true(check(cache, 500, &rng) > 0);
    ikv_http_cache_close(cache);
    free(path);
}

/* No damage is returned: every slot that was changed is a miss. */
static void damage_is_a_miss(void **state)
{
    char *path = tmpdir_file(&group_dir, "damaged");
    struct ikv_http_cache *cache = open_cache(path, 1);
    rng_state rng = {4};

    (void)state;
    add(cache, 0, OBJECT_SIZE / 2, &rng);
    for (size_t i = 0; i < 300; i++) {
        unsigned char junk[500];
        rng_fill(&rng, junk, sizeof junk);
        file_patch(path, 4096 + rng_below(&rng, file_size(path) - 4096 - sizeof junk), junk,
                   1 + (size_t)rng_below(&rng, sizeof junk));
    }
    (void)check(cache, test_scaled(2000), &rng);
    ikv_http_cache_close(cache);
    free(path);
}

static void other_files_are_refused(void **state)
{
    static const char text[5000] = "not a cache";
    char *path = tmpdir_file(&group_dir, "text");
    struct ikv_http_cache *cache = NULL;
    ikv_error err;

    (void)state;
    file_write(path, text, sizeof text);
    assert_int_equal(ikv_http_cache_open(path, CACHE_SIZE, 1, OBJECT_SIZE, &cache, &err),
                     IKV_E_INVALID);
    assert_string_equal(err.file, path);
    assert_int_equal(file_size(path), sizeof text);
    file_write(path, text, 10);
    assert_int_equal(ikv_http_cache_open(path, CACHE_SIZE, 1, OBJECT_SIZE, &cache, &err),
                     IKV_E_INVALID);
    assert_true(ikv_http_cache_open(group_dir.path, CACHE_SIZE, 1, OBJECT_SIZE, &cache, &err) < 0);
    free(path);
}

/* Another process may have created the file and not yet written the header, or not yet extended
 * the file. */
static void files_that_others_create(void **state)
{
    static const size_t sizes[] = {0, 4096, 5000};
    char *path = tmpdir_file(&group_dir, "created");
    rng_state rng = {8};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        (void)unlink(path);
        struct ikv_http_cache *first = open_cache(path, 1);
        add(first, 0, 100000, &rng);
        assert_int_equal(truncate(path, (off_t)sizes[i]), 0);
        struct ikv_http_cache *second = open_cache(path, 1);
        assert_int_equal(check(second, 10, &rng), 0);
        add(first, 0, OBJECT_SIZE, &rng);
        assert_true(check(second, 200, &rng) > 0);
        ikv_http_cache_close(first);
        ikv_http_cache_close(second);
    }
    free(path);
}

static int setup(void **state)
{
    rng_state rng = {7};

    object = must_malloc(OBJECT_SIZE);
    rng_fill(&rng, object, OBJECT_SIZE);
    return group_dir_setup(state);
}

static int teardown(void **state)
{
    free(object);
    return group_dir_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_blocks_are_kept),   cmocka_unit_test(objects_do_not_mix),
        cmocka_unit_test(size_is_bounded),         cmocka_unit_test(damage_is_a_miss),
        cmocka_unit_test(other_files_are_refused), cmocka_unit_test(files_that_others_create),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
