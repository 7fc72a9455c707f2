/*
 * A range whose value has almost as many bytes as a record can have: its pieces are copied once
 * each, in order. The sorter returns the range, and the tape takes the value, without storing it.
 */
#include "core/output/tape.h"
#include "core/ranges/ranges.h"
#include "core/sort/pair_sorter.h"

#include "tmpdir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE (UINT32_MAX - 4 - 2) /* of the value: less checksum and last key */

static const unsigned char range_key[4] = {0, 1, 0xff, 0xfd}; /* 1 to 2: the end is complemented */
static unsigned returned;
static uint64_t copied;

int __wrap_ikv_pair_sorter_next(struct ikv_pair_sorter *sorter, struct ikv_sorted_pair *ret);
int __wrap_ikv_pair_sorter_read(struct ikv_pair_sorter *sorter, const struct ikv_sorted_pair *pair,
                                uint32_t offset, void *buf, size_t size);
int __wrap_ikv_tape_append(struct ikv_tape *tape, const void *bytes, size_t size);
int __wrap_ikv_tape_read(const struct ikv_tape *tape, uint64_t offset, void *buf, size_t size);

int __wrap_ikv_pair_sorter_next(struct ikv_pair_sorter *sorter, struct ikv_sorted_pair *ret)
{
    (void)sorter;
    *ret = (struct ikv_sorted_pair){.key = range_key, .size = SIZE};
    return returned++ == 0;
}

int __wrap_ikv_pair_sorter_read(struct ikv_pair_sorter *sorter, const struct ikv_sorted_pair *pair,
                                uint32_t offset, void *buf, size_t size)
{
    (void)sorter;
    (void)pair;
    memset(buf, 0, size);
    return offset == copied && size <= SIZE - offset ? 0 : -EIO;
}

int __wrap_ikv_tape_append(struct ikv_tape *tape, const void *bytes, size_t size)
{
    (void)tape;
    (void)bytes;
    copied += size;
    return 0;
}

int __wrap_ikv_tape_read(const struct ikv_tape *tape, uint64_t offset, void *buf, size_t size)
{
    (void)tape;
    (void)buf;
    return offset == 0 && size == SIZE ? 0 : -EIO;
}

static int put(void *user, const struct ikv_range *range, const void *value, uint32_t size)
{
    const unsigned char expected[] = {1, 0, 2, 0};

    (void)value;
    assert_memory_equal(range->first, expected, 2);
    assert_memory_equal(range->last, expected + 2, 2);
    assert_int_equal(size, SIZE);
    ++*(unsigned *)user;
    return 0;
}

static void a_value_of_almost_4_gib(void **state)
{
    struct ikv_ranges_options options = {.memory = (uint64_t)2 << 20, .dir = *state};
    struct ikv_ranges *ranges = NULL;
    unsigned count = 0;

    assert_true(ikv_key_describe(IKV_KEY_U16, &options.key));
    assert_int_equal(ikv_ranges_new(&options, &ranges), 0);
    const int code = ikv_ranges_finish(ranges, put, &count, NULL, NULL);
    ikv_ranges_free(ranges);
    assert_int_equal(copied, SIZE);
    if (code != -ENOMEM) { /* the value is returned in one piece */
        assert_int_equal(code, 0);
        assert_int_equal(count, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_value_of_almost_4_gib)};

    return cmocka_run_group_tests(tests, tmpdir_setup, tmpdir_teardown);
}
