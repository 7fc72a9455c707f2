/* The cache of index pages in one thread: which pages are kept and which are evicted. */
#include "page_cache_pages.h"

#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void whole_index_stays(void **state)
{
    const uint64_t counts[] = {1, 2, 6, 7, 8, 20, 21, 22, 500, 1000};
    rng_state rng = {5};
    uint64_t order[1000];

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct ikv_page_cache *cache = page_cache_of(counts[i], counts[i], 200);
        for (uint64_t page = 0; page < counts[i]; page++)
            order[page] = page;
        rng_shuffle(&rng, order, (size_t)counts[i], sizeof *order);
        for (uint64_t k = 0; k < counts[i]; k++) {
            assert_true(page_put(cache, order[k], 200));
            assert_int_equal(page_cache_info(cache).pages, k + 1);
        }
        for (uint64_t k = 0; k < 3 * counts[i]; k++) {
            uint64_t page = rng_below(&rng, counts[i]);
            assert_true(page_hit(cache, page, 0, 200));
            assert_false(page_put(cache, page, 200));
        }
        assert_false(page_hit(cache, counts[i], 0, 200)); /* beyond the last page */
        assert_false(page_hit(cache, UINT64_MAX, 0, 200));
        ikv_page_cache_free(cache);
    }
}

/* Page numbers that differ in their high bits only. */
static void pages_of_a_huge_index(void **state)
{
    struct ikv_page_cache *cache = page_cache_of(7, MANY, 64);

    (void)state;
    for (unsigned bit = 33; bit < 40; bit++)
        assert_true(page_put(cache, (uint64_t)1 << bit, 64));
    for (unsigned bit = 0; bit < 40; bit++)
        assert_int_equal(page_hit(cache, (uint64_t)1 << bit, 0, 64), bit >= 33);
    ikv_page_cache_free(cache);
}

static void invalid_pages_are_refused(void **state)
{
    struct ikv_page_cache *cache = page_cache_of(7, 100, 64);

    (void)state;
    assert_false(page_put(cache, 100, 64)); /* beyond the last page */
    assert_false(page_put(cache, UINT64_MAX, 64));
    assert_false(page_put(cache, 0, 65));
    assert_false(page_put(cache, 0, PAGE_SIZE_MAX));
    assert_true(page_put(cache, 0, 64));
    ikv_page_cache_free(cache);
}

/* Put new pages until the cache keeps one. Returns the number of attempts. */
static uint64_t put_another(struct ikv_page_cache *cache, uint64_t *next)
{
    const uint64_t first = *next;

    while (!page_put(cache, (*next)++, 64))
        assert_true(*next - first < 1000);
    return *next - first;
}

static void full_set_keeps_one_of_eight(void **state)
{
    struct ikv_page_cache *cache = page_cache_of(7, 10000, 64);
    uint64_t next = 0;

    (void)state;
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(put_another(cache, &next), 1);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(put_another(cache, &next), 8);
    assert_int_equal(page_cache_info(cache).pages, 7);
    page_drop(cache, next - 1);
    assert_int_equal(put_another(cache, &next), 1);
    assert_int_equal(put_another(cache, &next), 8);
    ikv_page_cache_free(cache);
}

/* The only page without a hit is evicted, wherever it and the clock hand are. */
static void second_chance(void **state)
{
    (void)state;
    for (uint64_t victim = 0; victim < 7; victim++) {
        struct ikv_page_cache *cache = page_cache_of(7, 10000, 64);
        uint64_t next = 7;
        for (uint64_t page = 0; page < 7; page++)
            assert_true(page_put(cache, page, 64));
        for (uint64_t page = 0; page < 7; page++) {
            if (page != victim)
                assert_true(page_hit(cache, page, 0, 64));
        }
        (void)put_another(cache, &next);
        for (uint64_t page = 0; page < 7; page++) {
            if (page == victim)
                assert_false(page_hit(cache, page, 0, 64));
            else
                assert_true(page_hit(cache, page, 0, 64));
        }
        /* Pages with hits stay; pages used only once evict each other. */
        for (unsigned round = 0; round < 50; round++) {
            (void)put_another(cache, &next);
            for (uint64_t page = 0; page < 7; page++)
                assert_int_equal(page_hit(cache, page, 0, 64), page != victim);
        }
        /* If all pages had hits, one is evicted nevertheless. */
        assert_true(page_hit(cache, next - 1, 0, 64));
        assert_int_equal(put_another(cache, &next), 8);
        ikv_page_cache_free(cache);
    }
}

static void pinned_pages_stay(void **state)
{
    struct ikv_page_cache *cache = page_cache_of(7, 10000, 64);
    const unsigned char *bytes[7];
    struct ikv_page_pin pins[7];

    (void)state;
    for (uint64_t page = 0; page < 7; page++) {
        assert_true(page_put(cache, page, 64));
        bytes[page] = ikv_page_cache_get(cache, page, &pins[page]);
        assert_non_null(bytes[page]);
    }
    for (uint64_t page = 7; page < 500; page++)
        assert_false(page_put(cache, page, 64));
    for (uint64_t page = 0; page < 7; page++)
        assert_memory_equal(bytes[page], page_bytes(page, 0, 64), 64);
    ikv_page_cache_release(&pins[3]);
    uint64_t next = 500;
    (void)put_another(cache, &next);
    for (uint64_t page = 0; page < 7; page++)
        assert_int_equal(page_hit(cache, page, 0, 64), page != 3);
    for (uint64_t page = 0; page < 7; page++) {
        if (page != 3)
            ikv_page_cache_release(&pins[page]);
    }
    ikv_page_cache_free(cache);
}

/* A pin of a dropped page stays readable; later gets return the page that is put next. */
static void dropped_while_pinned(void **state)
{
    struct ikv_page_cache *cache = page_cache_of(7, 7, 64);
    struct ikv_page_pin old, again;

    (void)state;
    assert_true(ikv_page_cache_put(cache, 2, page_bytes(2, 5, 64), 64, true));
    const unsigned char *bytes = ikv_page_cache_get(cache, 2, &old);
    assert_non_null(bytes);
    assert_true(old.verified);
    ikv_page_cache_drop(cache, &old);
    ikv_page_cache_drop(cache, &old);
    assert_int_equal(page_cache_info(cache).pages, 0);
    assert_false(page_hit(cache, 2, 5, 64));
    assert_true(page_put(cache, 2, 64));
    assert_true(page_hit(cache, 2, 0, 64));
    assert_memory_equal(bytes, page_bytes(2, 5, 64), 64);
    ikv_page_cache_set_verified(&old); /* must not affect the new page */
    assert_non_null(ikv_page_cache_get(cache, 2, &again));
    assert_false(again.verified);
    ikv_page_cache_release(&again);
    assert_int_equal(page_cache_info(cache).pages, 1);
    ikv_page_cache_release(&old);
    for (uint64_t page = 0; page < 7; page++) {
        assert_int_equal(page_put(cache, page, 64), page != 2);
        assert_true(ikv_page_cache_get(cache, page, &again) && !again.verified);
        ikv_page_cache_release(&again);
    }
    assert_int_equal(page_cache_info(cache).memory, page_cache_info(cache).memory_max);
    ikv_page_cache_free(cache);
}

/* The number of pins of a page is limited. Reaching the limit must do no harm. */
static void many_pins_of_one_page(void **state)
{
    struct ikv_page_cache *cache = page_cache_of(7, 100, 64);
    struct ikv_page_pin pin, last;
    unsigned pins = 0;

    (void)state;
    for (uint64_t page = 0; page < 7; page++)
        assert_true(page_put(cache, page, 64));
    for (unsigned i = 0; i < 200000; i++) {
        if (ikv_page_cache_get(cache, 4, &last)) {
            pin = last;
            pins++;
        }
    }
    assert_true(pins >= 10000);
    assert_true(pin.way && !pin.verified);
    for (uint64_t page = 0; page < 7; page++)
        assert_int_equal(page_hit(cache, page, 0, 64), page != 4 || pins == 200000);
    while (pins-- > 0)
        ikv_page_cache_release(&pin);
    for (uint64_t page = 0; page < 7; page++) {
        assert_true(page_hit(cache, page, 0, 64));
        page_drop(cache, page);
        assert_true(page_put(cache, page, 64));
    }
    ikv_page_cache_free(cache);
}

/* Hit rate, in per mille, for a store 20 times as large as its cache. The higher `skew`, the more
 * accesses go to few pages; 1 is uniform. */
static uint64_t hit_rate(unsigned skew)
{
    const uint64_t pages = 14000;
    struct ikv_page_cache *cache = page_cache_of(700, pages, 64);
    const size_t steps = 100000; /* not scaled, to reach a steady state */
    rng_state rng = {9};
    const unsigned char bytes[64] = {0};
    size_t hits = 0;

    for (size_t step = 0; step < 2 * steps; step++) {
        struct ikv_page_pin pin;
        uint64_t page = pages;
        for (unsigned i = 0; i < skew; i++)
            page = rng_below(&rng, page) + 1; /* uniform below the last number: density ~ 1/page */
        page = (page - 1) * 4999 % pages;     /* hot pages are not adjacent */
        if (ikv_page_cache_get(cache, page, &pin)) {
            ikv_page_cache_release(&pin);
            hits += step >= steps;
        } else {
            (void)ikv_page_cache_put(cache, page, bytes, 64, false);
        }
    }
    ikv_page_cache_free(cache);
    return hits * 1000 / steps;
}

static void skewed_access_hits_more(void **state)
{
    const uint64_t uniform = hit_rate(1);
    const uint64_t skewed = hit_rate(2); /* the 700 hottest of 14000 pages get 20% of accesses */
    const uint64_t more = hit_rate(4);   /* 65% */

    (void)state;
    assert_in_range(uniform, 40, 60); /* 1/20 with any policy */
    assert_in_range(skewed, 90, 205);
    assert_in_range(more, 500, 660);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_index_stays),
        cmocka_unit_test(pages_of_a_huge_index),
        cmocka_unit_test(invalid_pages_are_refused),
        cmocka_unit_test(full_set_keeps_one_of_eight),
        cmocka_unit_test(second_chance),
        cmocka_unit_test(pinned_pages_stay),
        cmocka_unit_test(dropped_while_pinned),
        cmocka_unit_test(many_pins_of_one_page),
        cmocka_unit_test(skewed_access_hits_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
