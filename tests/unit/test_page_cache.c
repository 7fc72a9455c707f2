/* The cache of index pages in one thread, against a naive model: what was put in for a page, and
 * nothing else, is what comes out, in bounded memory. test_page_cache_threads has the threads. */
#include "page_cache.h"

#include "fault_alloc.h"
#include "rng.h"
#include "scale.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGE_SIZE_MAX 4231u /* 4096 and most of an entry of 136 bytes */
#define MANY          ((uint64_t)1 << 40)

static unsigned char scratch[PAGE_SIZE_MAX];

/* The bytes of a page; `version` tells what was put in before a drop from what was put in later. */
static const void *bytes_of(uint64_t page, unsigned version, uint32_t size)
{
    rng_state rng = {page * 1000 + version};

    rng_fill(&rng, scratch, size);
    return scratch;
}

static struct ikv_page_cache *cache_new(uint64_t memory, uint64_t pages, uint32_t page_size)
{
    struct ikv_page_cache *cache = NULL;

    assert_int_equal(ikv_page_cache_new(memory, pages, page_size, &cache), 0);
    return cache;
}

static struct ikv_page_cache_info info_of(const struct ikv_page_cache *cache)
{
    struct ikv_page_cache_info info;

    ikv_page_cache_info(cache, &info);
    return info;
}

/* A cache of exactly `frames` frames, found by asking: what more memory does is tested elsewhere.
 */
static struct ikv_page_cache *cache_of(uint64_t frames, uint64_t pages, uint32_t page_size)
{
    uint64_t memory = frames * page_size;

    for (;;) {
        struct ikv_page_cache *cache = cache_new(memory, pages, page_size);
        if (info_of(cache).pages_max >= frames) {
            assert_int_equal(info_of(cache).pages_max, frames);
            return cache;
        }
        ikv_page_cache_free(cache);
        memory += 64;
    }
}

/* True: a hit, with the right bytes. */
static bool hit(struct ikv_page_cache *cache, uint64_t page, unsigned version, uint32_t size)
{
    struct ikv_page_pin pin;
    const unsigned char *bytes = ikv_page_cache_get(cache, page, &pin);

    if (!bytes)
        return false;
    assert_int_equal((uintptr_t)bytes % 64, 0);
    assert_memory_equal(bytes, bytes_of(page, version, size), size);
    ikv_page_cache_release(&pin);
    return true;
}

static bool put(struct ikv_page_cache *cache, uint64_t page, uint32_t size)
{
    return ikv_page_cache_put(cache, page, bytes_of(page, 0, size), size, false);
}

static void drop(struct ikv_page_cache *cache, uint64_t page)
{
    struct ikv_page_pin pin;

    assert_non_null(ikv_page_cache_get(cache, page, &pin));
    ikv_page_cache_drop(cache, &pin);
    ikv_page_cache_release(&pin);
}

/* ---------------------------------------------------------------- memory */

static void too_little_memory_for_a_cache(void **state)
{
    const uint64_t memories[] = {0, 1, 64, 4096, 4 * 4096};
    const uint64_t counts[] = {7, 1000, MANY};
    struct ikv_page_pin pin;

    (void)state;
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++) {
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
            assert_null(cache_new(memories[i], counts[k], 4096));
    }
    assert_null(cache_new((uint64_t)1 << 20, 0, 4096));
    assert_null(cache_new((uint64_t)1 << 20, 100, 0));
    assert_null(cache_new((uint64_t)1 << 20, 100, UINT32_MAX));
    assert_null(cache_new(UINT64_MAX, 0, UINT32_MAX));
    assert_null(
        cache_new((uint64_t)1 << 16, UINT64_MAX, 4096)); /* page numbers too great to tell */

    assert_null(ikv_page_cache_get(NULL, 0, &pin));
    assert_false(ikv_page_cache_put(NULL, 0, scratch, 1, true));
    assert_int_equal(info_of(NULL).pages_max, 0);
    assert_int_equal(info_of(NULL).memory_max, 0);
    ikv_page_cache_free(NULL);
}

/* What is said about memory is held against what was asked of the allocator. */
static void check_memory(uint64_t memory, uint64_t pages, uint32_t page_size)
{
    const uint64_t frame_size = ((uint64_t)page_size + 63) / 64 * 64;
    const uint64_t overhead = 16384; /* whatever the number of pages, besides 16 bytes a page */
    struct ikv_page_cache *cache;
    struct ikv_page_cache_info info;

    memset(scratch, 0, sizeof scratch);
    fault_alloc_start(FAULT_ALLOC_NONE, false);
    cache = cache_new(memory, pages, page_size);
    info = info_of(cache);
    for (uint64_t i = 0; i < 2 * info.pages_max; i++)
        (void)ikv_page_cache_put(cache, i % pages, scratch, 1 + (uint32_t)(i % page_size), true);
    const fault_alloc_report report = fault_alloc_stop();

    assert_true(report.peak <= info.memory_max && info.memory_max <= memory);
    assert_true(report.calls <= 2);
    assert_true(info.pages_max <= pages);
    assert_int_equal(info.pages, 0);
    if (memory > overhead) { /* the memory is used, too */
        uint64_t room = (memory - overhead) / (frame_size + 16);
        if (room >= pages)
            assert_int_equal(info.pages_max, pages);
        else if (room >= 7)
            assert_true(info.pages_max >= room - 7);
    }
    const struct ikv_page_cache_info full = info_of(cache);
    assert_int_equal(full.pages, full.pages_max);
    assert_int_equal(full.memory, full.memory_max);
    assert_int_equal(full.memory_max, info.memory_max);
    assert_int_equal(full.memory - info.memory, info.pages_max * frame_size);
    ikv_page_cache_free(cache);
}

static void memory_is_bounded(void **state)
{
    const uint64_t counts[] = {1, 2, 6, 7, 8, 50, 51, 1000, 1001, MANY, (uint64_t)1 << 43};
    const uint32_t sizes[] = {1, 63, 64, 65, 4096, 4097, 4119, 4128, PAGE_SIZE_MAX};
    const uint64_t memories[] = {0,     1,     8000,  8256,    8448,    8449,   8512,   8513,
                                 12700, 16384, 30000, 40000,   100000,  262144, 500000, 1 << 20,
                                 41000, 41152, 41153, 4100000, 4170000, 4190000};

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            for (size_t m = 0; m < sizeof memories / sizeof *memories; m++) {
                if (memories[m] / (sizes[k] + 63) < 1000)
                    check_memory(memories[m], counts[i], sizes[k]);
            }
        }
    }
}

static void random_memory_is_bounded(void **state)
{
    rng_state rng = {1};
    size_t rounds = test_scaled(300);

    (void)state;
    while (rounds-- > 0) {
        const uint32_t size = 1 + (uint32_t)rng_below(&rng, PAGE_SIZE_MAX);
        const uint64_t memory = rng_below(&rng, 200 * (uint64_t)size + 20000);
        check_memory(memory, 1 + rng_below(&rng, 300), size);
    }
}

static void out_of_memory(void **state)
{
    const size_t live = fault_alloc_live();
    struct ikv_page_cache *cache = NULL;
    uint64_t refused = 0;
    int code;

    (void)state;
    do {
        fault_alloc_start(refused, false);
        code = ikv_page_cache_new(1 << 20, 100, 4096, &cache);
        const fault_alloc_report report = fault_alloc_stop();
        if (report.failed > 0) {
            assert_int_equal(code, -ENOMEM);
            assert_null(cache);
            assert_int_equal(fault_alloc_live(), live);
        }
        refused += report.failed;
        if (report.failed == 0)
            break;
    } while (refused < 10);
    assert_int_equal(code, 0);
    assert_true(refused >= 1 && refused < 10);
    ikv_page_cache_free(cache);
    assert_int_equal(fault_alloc_live(), live);

    if (!test_is_sanitized()) { /* they end the program when asked for so much */
        assert_int_equal(ikv_page_cache_new(UINT64_MAX, MANY, 4096, &cache), -ENOMEM);
        assert_int_equal(fault_alloc_live(), live);
    }
}

/* ---------------------------------------------------------------- the model */

#define MODEL_PAGES 200u
#define MODEL_PINS  20u

struct model_page {
    unsigned version;
    bool may_be_there;
    bool verified;
};

struct model_pin {
    struct ikv_page_pin pin;
    const unsigned char *bytes; /* NULL: not in use */
    uint64_t page;
    unsigned version;
};

struct model {
    rng_state rng;
    struct ikv_page_cache *cache;
    uint32_t page_size;
    unsigned versions;
    size_t hits;
    struct model_page pages[MODEL_PAGES];
    struct model_pin pins[MODEL_PINS];
};

static uint32_t size_in(const struct model *model, uint64_t page)
{
    return model->page_size - (uint32_t)(page % 3);
}

static void model_check_pin(const struct model *model, const struct model_pin *pin)
{
    const uint32_t size = size_in(model, pin->page);

    assert_memory_equal(pin->bytes, bytes_of(pin->page, pin->version, size), size);
}

static void model_get(struct model *model, uint64_t page)
{
    const struct model_page *known = &model->pages[page];
    struct model_pin *pin = &model->pins[rng_below(&model->rng, MODEL_PINS)];

    if (pin->bytes) {
        model_check_pin(model, pin);
        ikv_page_cache_release(&pin->pin);
    }
    *pin = (struct model_pin){.page = page, .version = known->version};
    pin->bytes = ikv_page_cache_get(model->cache, page, &pin->pin);
    if (!pin->bytes)
        return;
    model->hits++;
    assert_true(known->may_be_there);
    assert_int_equal(pin->pin.verified, known->verified);
    model_check_pin(model, pin);
}

static void model_put(struct model *model, uint64_t page)
{
    const bool verified = rng_below(&model->rng, 2) == 0;
    const unsigned version = ++model->versions;
    const uint32_t size = size_in(model, page);
    struct ikv_page_pin pin;
    const bool was_there = ikv_page_cache_get(model->cache, page, &pin) != NULL;

    if (was_there)
        ikv_page_cache_release(&pin);
    if (ikv_page_cache_put(model->cache, page, bytes_of(page, version, size), size, verified)) {
        assert_false(was_there);
        model->pages[page] = (struct model_page){version, true, verified};
        assert_true(hit(model->cache, page, version, size));
    }
}

/* Mark one of the pins as verified or damaged. */
static void model_mark(struct model *model)
{
    struct model_pin *pin = &model->pins[rng_below(&model->rng, MODEL_PINS)];
    struct model_page *known = &model->pages[pin->page];
    const bool is_damaged = rng_below(&model->rng, 3) == 0;

    if (!pin->bytes)
        return;
    if (is_damaged)
        ikv_page_cache_drop(model->cache, &pin->pin);
    else
        ikv_page_cache_verified(&pin->pin);
    if (known->version != pin->version) /* dropped already; there may be another by now */
        return;
    known->verified = !is_damaged && known->may_be_there;
    known->may_be_there = known->may_be_there && !is_damaged;
    model_check_pin(model, pin);
}

static void model_count(const struct model *model)
{
    const struct ikv_page_cache_info info = info_of(model->cache);
    uint64_t there = 0;

    for (uint64_t page = 0; page < MODEL_PAGES; page++) {
        if (hit(model->cache, page, model->pages[page].version, size_in(model, page))) {
            assert_true(model->pages[page].may_be_there);
            there++;
        }
    }
    assert_int_equal(there, info.pages);
    assert_true(info.pages <= info.pages_max);
    assert_true(info.memory <= info.memory_max);
}

static void run_model(uint64_t frames, uint32_t page_size, uint64_t seed)
{
    struct model *model = calloc(1, sizeof *model);
    const size_t steps = 2000 + test_scaled(18000); /* enough to hit at all */

    assert_non_null(model);
    model->rng.state = seed;
    model->page_size = page_size;
    model->cache = cache_of(frames, MODEL_PAGES, page_size);
    for (size_t step = 0; step < steps; step++) {
        const uint64_t choice = rng_below(&model->rng, 20);
        const uint64_t page = rng_below(&model->rng, MODEL_PAGES);
        if (choice == 0)
            model_mark(model);
        else if (choice < 11)
            model_put(model, page);
        else
            model_get(model, page);
        if (step % 1000 == 0)
            model_count(model);
    }
    model_count(model);
    assert_true(model->hits > steps / 2 * frames / MODEL_PAGES / 2);
    for (size_t i = 0; i < MODEL_PINS; i++) {
        if (model->pins[i].bytes)
            ikv_page_cache_release(&model->pins[i].pin);
    }
    /* Nothing is left behind: all that is there can be dropped, and every place filled again. */
    for (uint64_t page = 0; page < MODEL_PAGES; page++) {
        if (hit(model->cache, page, model->pages[page].version, size_in(model, page)))
            drop(model->cache, page);
    }
    assert_int_equal(info_of(model->cache).pages, 0);
    for (uint64_t page = 0; page < frames; page++)
        assert_true(put(model->cache, page, page_size));
    assert_int_equal(info_of(model->cache).pages, frames);
    ikv_page_cache_free(model->cache);
    free(model);
}

static void answers_equal_the_model(void **state)
{
    (void)state;
    run_model(7, 100, 1); /* one set: pins often fill it */
    run_model(14, 333, 2);
    run_model(70, 64, 3);
    run_model(MODEL_PAGES, 4096, 4);
}

/* ---------------------------------------------------------------- what stays and what goes */

static void whole_index_stays(void **state)
{
    const uint64_t counts[] = {1, 2, 6, 7, 8, 20, 21, 22, 500, 1000};
    rng_state rng = {5};
    uint64_t order[1000];

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct ikv_page_cache *cache = cache_of(counts[i], counts[i], 200);
        for (uint64_t page = 0; page < counts[i]; page++)
            order[page] = page;
        rng_shuffle(&rng, order, (size_t)counts[i], sizeof *order);
        for (uint64_t k = 0; k < counts[i]; k++) {
            assert_true(put(cache, order[k], 200));
            assert_int_equal(info_of(cache).pages, k + 1);
        }
        for (uint64_t k = 0; k < 3 * counts[i]; k++) {
            uint64_t page = rng_below(&rng, counts[i]);
            assert_true(hit(cache, page, 0, 200));
            assert_false(put(cache, page, 200));
        }
        assert_false(hit(cache, counts[i], 0, 200)); /* behind the last page */
        assert_false(hit(cache, UINT64_MAX, 0, 200));
        ikv_page_cache_free(cache);
    }
}

/* Page numbers that differ in their high bits only. */
static void pages_of_a_huge_index(void **state)
{
    struct ikv_page_cache *cache = cache_of(7, MANY, 64);

    (void)state;
    for (unsigned bit = 33; bit < 40; bit++)
        assert_true(put(cache, (uint64_t)1 << bit, 64));
    for (unsigned bit = 0; bit < 40; bit++)
        assert_int_equal(hit(cache, (uint64_t)1 << bit, 0, 64), bit >= 33);
    ikv_page_cache_free(cache);
}

static void page_that_has_no_place(void **state)
{
    struct ikv_page_cache *cache = cache_of(7, 100, 64);

    (void)state;
    assert_false(put(cache, 100, 64)); /* behind the last */
    assert_false(put(cache, UINT64_MAX, 64));
    assert_false(put(cache, 0, 65));
    assert_false(put(cache, 0, PAGE_SIZE_MAX));
    assert_true(put(cache, 0, 64));
    ikv_page_cache_free(cache);
}

/* Offer pages that were not there before until one is taken. Returns how many were offered. */
static uint64_t put_another(struct ikv_page_cache *cache, uint64_t *next)
{
    const uint64_t first = *next;

    while (!put(cache, (*next)++, 64))
        assert_true(*next - first < 1000);
    return *next - first;
}

static void full_set_takes_one_of_eight(void **state)
{
    struct ikv_page_cache *cache = cache_of(7, 10000, 64);
    uint64_t next = 0;

    (void)state;
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(put_another(cache, &next), 1);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(put_another(cache, &next), 8);
    assert_int_equal(info_of(cache).pages, 7);
    drop(cache, next - 1);
    assert_int_equal(put_another(cache, &next), 1);
    assert_int_equal(put_another(cache, &next), 8);
    ikv_page_cache_free(cache);
}

/* The one page that nobody asked for is the one to go, wherever it is and the hand stands. */
static void second_chance(void **state)
{
    (void)state;
    for (uint64_t victim = 0; victim < 7; victim++) {
        struct ikv_page_cache *cache = cache_of(7, 10000, 64);
        uint64_t next = 7;
        for (uint64_t page = 0; page < 7; page++)
            assert_true(put(cache, page, 64));
        for (uint64_t page = 0; page < 7; page++) {
            if (page != victim)
                assert_true(hit(cache, page, 0, 64));
        }
        (void)put_another(cache, &next);
        for (uint64_t page = 0; page < 7; page++) {
            if (page == victim)
                assert_false(hit(cache, page, 0, 64));
            else
                assert_true(hit(cache, page, 0, 64));
        }
        /* Asked for again and again, they stay; one-time pages drive out each other. */
        for (unsigned round = 0; round < 50; round++) {
            (void)put_another(cache, &next);
            for (uint64_t page = 0; page < 7; page++)
                assert_int_equal(hit(cache, page, 0, 64), page != victim);
        }
        /* If all were asked for, one has to go all the same. */
        assert_true(hit(cache, next - 1, 0, 64));
        assert_int_equal(put_another(cache, &next), 8);
        ikv_page_cache_free(cache);
    }
}

static void pinned_pages_stay(void **state)
{
    struct ikv_page_cache *cache = cache_of(7, 10000, 64);
    const unsigned char *bytes[7];
    struct ikv_page_pin pins[7];

    (void)state;
    for (uint64_t page = 0; page < 7; page++) {
        assert_true(put(cache, page, 64));
        bytes[page] = ikv_page_cache_get(cache, page, &pins[page]);
        assert_non_null(bytes[page]);
    }
    for (uint64_t page = 7; page < 500; page++)
        assert_false(put(cache, page, 64));
    for (uint64_t page = 0; page < 7; page++)
        assert_memory_equal(bytes[page], bytes_of(page, 0, 64), 64);
    ikv_page_cache_release(&pins[3]);
    uint64_t next = 500;
    (void)put_another(cache, &next);
    for (uint64_t page = 0; page < 7; page++)
        assert_int_equal(hit(cache, page, 0, 64), page != 3);
    for (uint64_t page = 0; page < 7; page++) {
        if (page != 3)
            ikv_page_cache_release(&pins[page]);
    }
    ikv_page_cache_free(cache);
}

/* Who has a dropped page goes on reading what he has; all others get what is put in anew. */
static void dropped_while_pinned(void **state)
{
    struct ikv_page_cache *cache = cache_of(7, 7, 64);
    struct ikv_page_pin old, again;

    (void)state;
    assert_true(ikv_page_cache_put(cache, 2, bytes_of(2, 5, 64), 64, true));
    const unsigned char *bytes = ikv_page_cache_get(cache, 2, &old);
    assert_non_null(bytes);
    assert_true(old.verified);
    ikv_page_cache_drop(cache, &old);
    ikv_page_cache_drop(cache, &old);
    assert_int_equal(info_of(cache).pages, 0);
    assert_false(hit(cache, 2, 5, 64));
    assert_true(put(cache, 2, 64));
    assert_true(hit(cache, 2, 0, 64));
    assert_memory_equal(bytes, bytes_of(2, 5, 64), 64);
    ikv_page_cache_verified(&old); /* says nothing about the new one */
    assert_non_null(ikv_page_cache_get(cache, 2, &again));
    assert_false(again.verified);
    ikv_page_cache_release(&again);
    assert_int_equal(info_of(cache).pages, 1);
    ikv_page_cache_release(&old);
    for (uint64_t page = 0; page < 7; page++) {
        assert_int_equal(put(cache, page, 64), page != 2);
        assert_true(ikv_page_cache_get(cache, page, &again) && !again.verified);
        ikv_page_cache_release(&again);
    }
    assert_int_equal(info_of(cache).memory, info_of(cache).memory_max);
    ikv_page_cache_free(cache);
}

/* There is a limit, but reaching it breaks nothing. */
static void pinned_very_often(void **state)
{
    struct ikv_page_cache *cache = cache_of(7, 100, 64);
    struct ikv_page_pin pin, last;
    unsigned pins = 0;

    (void)state;
    for (uint64_t page = 0; page < 7; page++)
        assert_true(put(cache, page, 64));
    for (unsigned i = 0; i < 200000; i++) {
        if (ikv_page_cache_get(cache, 4, &last)) {
            pin = last;
            pins++;
        }
    }
    assert_true(pins >= 10000);
    assert_true(pin.way && !pin.verified);
    for (uint64_t page = 0; page < 7; page++)
        assert_int_equal(hit(cache, page, 0, 64), page != 4 || pins == 200000);
    while (pins-- > 0)
        ikv_page_cache_release(&pin);
    for (uint64_t page = 0; page < 7; page++) {
        assert_true(hit(cache, page, 0, 64));
        drop(cache, page);
        assert_true(put(cache, page, 64));
    }
    ikv_page_cache_free(cache);
}

/* Share of hits, in per mille, over a store 20 times as large as its cache. `skew`: how many random
 * numbers the page is the least of, more or less. */
static uint64_t hits_of(unsigned skew)
{
    const uint64_t pages = 14000;
    struct ikv_page_cache *cache = cache_of(700, pages, 64);
    const size_t steps = 100000; /* not scaled: what is looked at is a steady state */
    rng_state rng = {9};
    size_t hits = 0;

    memset(scratch, 0, 64);
    for (size_t step = 0; step < 2 * steps; step++) {
        struct ikv_page_pin pin;
        uint64_t page = pages;
        for (unsigned i = 0; i < skew; i++)
            page = rng_below(&rng, page) + 1; /* uniform below the one before: density ~ 1/page */
        page = (page - 1) * 4999 % pages;     /* hot pages are not neighbours */
        if (ikv_page_cache_get(cache, page, &pin)) {
            ikv_page_cache_release(&pin);
            hits += step >= steps;
        } else {
            (void)ikv_page_cache_put(cache, page, scratch, 64, false);
        }
    }
    ikv_page_cache_free(cache);
    return hits * 1000 / steps;
}

static void skewed_access_hits_more(void **state)
{
    const uint64_t uniform = hits_of(1);
    const uint64_t skewed = hits_of(2); /* the 700 hottest pages of 14000 get 20 % of it */
    const uint64_t more = hits_of(4);   /* 65 % */

    (void)state;
    assert_in_range(uniform, 40, 60); /* 1/20 is what anything gets */
    assert_in_range(skewed, 90, 205);
    assert_in_range(more, 500, 660);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_little_memory_for_a_cache),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(random_memory_is_bounded),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(answers_equal_the_model),
        cmocka_unit_test(whole_index_stays),
        cmocka_unit_test(pages_of_a_huge_index),
        cmocka_unit_test(page_that_has_no_place),
        cmocka_unit_test(full_set_takes_one_of_eight),
        cmocka_unit_test(second_chance),
        cmocka_unit_test(pinned_pages_stay),
        cmocka_unit_test(dropped_while_pinned),
        cmocka_unit_test(pinned_very_often),
        cmocka_unit_test(skewed_access_hits_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
