/* The cache of index pages in one thread, compared with a naive model: a get returns exactly the
 * bytes that were put, and memory is bounded. test_page_cache_policy tests which pages are kept,
 * test_page_cache_threads several threads. */
#include "page_cache_pages.h"

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

static unsigned char scratch[PAGE_SIZE_MAX];

/* ---------------------------------------------------------------- memory */

static void too_little_memory_for_a_cache(void **state)
{
    const uint64_t memories[] = {0, 1, 64, 4096, (uint64_t)4 * 4096};
    const uint64_t counts[] = {7, 1000, MANY};
    struct ikv_page_pin pin;

    (void)state;
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++) {
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
            assert_null(page_cache_new(memories[i], counts[k], 4096));
    }
    assert_null(page_cache_new((uint64_t)1 << 20, 0, 4096));
    assert_null(page_cache_new((uint64_t)1 << 20, 100, 0));
    assert_null(page_cache_new((uint64_t)1 << 20, 100, UINT32_MAX));
    assert_null(page_cache_new(UINT64_MAX, 0, UINT32_MAX));
    assert_null(page_cache_new((uint64_t)1 << 16, UINT64_MAX, 4096)); /* too many pages to number */

    assert_null(ikv_page_cache_get(NULL, 0, &pin));
    assert_false(ikv_page_cache_put(NULL, 0, scratch, 1, true));
    assert_int_equal(page_cache_info(NULL).pages_max, 0);
    assert_int_equal(page_cache_info(NULL).memory_max, 0);
    ikv_page_cache_free(NULL);
}

/* Compares the reported memory with what was allocated. */
static void check_memory(uint64_t memory, uint64_t pages, uint32_t page_size)
{
    const uint64_t frame_size = ((uint64_t)page_size + 63) / 64 * 64;
    const uint64_t overhead = 16384; /* fixed, in addition to 16 bytes for each page */
    struct ikv_page_cache *cache;
    struct ikv_page_cache_info info;

    memset(scratch, 0, sizeof scratch);
    fault_alloc_start(FAULT_ALLOC_NONE, false);
    cache = page_cache_new(memory, pages, page_size);
    info = page_cache_info(cache);
    for (uint64_t i = 0; i < 2 * info.pages_max; i++)
        (void)ikv_page_cache_put(cache, i % pages, scratch, 1 + (uint32_t)(i % page_size), true);
    const fault_alloc_report report = fault_alloc_stop();

    assert_true(report.peak <= info.memory_max && info.memory_max <= memory);
    assert_true(report.calls <= 2);
    assert_true(info.pages_max <= pages);
    assert_int_equal(info.pages, 0);
    if (memory > overhead) { /* most of the memory is used */
        uint64_t room = (memory - overhead) / (frame_size + 16);
        if (room >= pages)
            assert_int_equal(info.pages_max, pages);
        else if (room >= 7)
            assert_true(info.pages_max >= room - 7);
    }
    const struct ikv_page_cache_info full = page_cache_info(cache);
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

static void allocation_fails(void **state)
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

    if (!test_is_sanitized()) { /* sanitizers abort on such sizes */
        assert_int_equal(ikv_page_cache_new(UINT64_MAX, MANY, 4096, &cache), -ENOMEM);
        assert_int_equal(fault_alloc_live(), live);
    }
}

/* ---------------------------------------------------------------- the model */

#define MODEL_PAGES 200u
#define MODEL_PINS  20u

struct model_page {
    unsigned version;
    bool may_be_cached;
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

    assert_memory_equal(pin->bytes, page_bytes(pin->page, pin->version, size), size);
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
    const unsigned char *seen = ikv_page_cache_peek(model->cache, page);
    pin->bytes = ikv_page_cache_get(model->cache, page, &pin->pin);
    assert_ptr_equal(seen, pin->bytes);
    if (!pin->bytes)
        return;
    model->hits++;
    assert_true(known->may_be_cached);
    assert_int_equal(pin->pin.verified, known->verified);
    model_check_pin(model, pin);
}

static void model_put(struct model *model, uint64_t page)
{
    const bool verified = rng_below(&model->rng, 2) == 0;
    const unsigned version = ++model->versions;
    const uint32_t size = size_in(model, page);
    struct ikv_page_pin pin;
    const bool was_cached = ikv_page_cache_get(model->cache, page, &pin) != NULL;

    if (was_cached)
        ikv_page_cache_release(&pin);
    if (ikv_page_cache_put(model->cache, page, page_bytes(page, version, size), size, verified)) {
        assert_false(was_cached);
        model->pages[page] = (struct model_page){version, true, verified};
        assert_true(page_hit(model->cache, page, version, size));
    }
}

/* Mark a random pin as verified, or drop its page as damaged. */
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
        ikv_page_cache_set_verified(&pin->pin);
    if (known->version != pin->version) /* dropped already, and maybe put again */
        return;
    known->verified = !is_damaged && known->may_be_cached;
    known->may_be_cached = known->may_be_cached && !is_damaged;
    model_check_pin(model, pin);
}

static void model_count(const struct model *model)
{
    const struct ikv_page_cache_info info = page_cache_info(model->cache);
    uint64_t count = 0;

    for (uint64_t page = 0; page < MODEL_PAGES; page++) {
        if (page_hit(model->cache, page, model->pages[page].version, size_in(model, page))) {
            assert_true(model->pages[page].may_be_cached);
            count++;
        }
    }
    assert_int_equal(count, info.pages);
    assert_true(info.pages <= info.pages_max);
    assert_true(info.memory <= info.memory_max);
}

static void run_model(uint64_t frames, uint32_t page_size, uint64_t seed)
{
    struct model *model = calloc(1, sizeof *model);
    const size_t steps = 2000 + test_scaled(18000); /* enough to have hits */

    assert_non_null(model);
    model->rng.state = seed;
    model->page_size = page_size;
    model->cache = page_cache_of(frames, MODEL_PAGES, page_size);
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
    /* No frame is lost: all pages can be dropped, and every frame filled again. */
    for (uint64_t page = 0; page < MODEL_PAGES; page++) {
        if (page_hit(model->cache, page, model->pages[page].version, size_in(model, page)))
            page_drop(model->cache, page);
    }
    assert_int_equal(page_cache_info(model->cache).pages, 0);
    for (uint64_t page = 0; page < frames; page++)
        assert_true(page_put(model->cache, page, page_size));
    assert_int_equal(page_cache_info(model->cache).pages, frames);
    ikv_page_cache_free(model->cache);
    free(model);
}

static void gets_match_the_model(void **state)
{
    (void)state;
    run_model(7, 100, 1); /* a single set, often full of pinned pages */
    run_model(14, 333, 2);
    run_model(70, 64, 3);
    run_model(MODEL_PAGES, 4096, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_little_memory_for_a_cache), cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(random_memory_is_bounded),      cmocka_unit_test(allocation_fails),
        cmocka_unit_test(gets_match_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
