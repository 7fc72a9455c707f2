#include "learn_lists.h"

#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void dummy_index(struct ikv_geometry *ret, uint32_t words, uint64_t pages)
{
    struct ikv_key_info key;

    assert_true(ikv_key_describe(words == 1   ? IKV_KEY_U64
                                 : words == 2 ? IKV_KEY_U128
                                              : IKV_KEY_BYTES(128),
                                 &key));
    assert_int_equal(key.words, words);
    memset(ret, 0, sizeof(*ret));
    ret->key = key;
    ret->pages = pages;
}

void dummy_key(uint32_t words, uint64_t page, uint64_t *ret_key)
{
    for (uint32_t i = 0; i < words; i++)
        ret_key[i] = 7;
    ret_key[words - 1] = page / 2;
}

void list_make(struct ikv_learned *ret, uint32_t words, uint32_t room)
{
    struct ikv_geometry index;
    const size_t size = (size_t)room * (1 + words) * sizeof(uint64_t);

    dummy_index(&index, words, 1);
    ikv_learned_begin(ret, &index.key, must_malloc(size), size);
    assert_int_equal(ret->room, room);
}

void list_free(struct ikv_learned *list)
{
    free(list->entries);
}

void list_clear(struct ikv_learned *list)
{
    list->count = 0;
}

static uint64_t *next_entry(struct ikv_learned *list, uint64_t page)
{
    uint64_t *entry = list->entries + (size_t)list->count * list->words;

    assert_true(list->count < list->room);
    list->count++;
    entry[0] = page;
    return entry + 1;
}

void list_add_key(struct ikv_learned *list, uint64_t page, uint64_t key)
{
    uint64_t *words = next_entry(list, page);

    memset(words, 0, (list->words - 1) * sizeof(*words));
    words[0] = key;
}

void list_add(struct ikv_learned *list, uint64_t page)
{
    dummy_key(list->words - 1, page, next_entry(list, page));
}

void assert_snapshot(const struct ikv_fences *fences, uint32_t words, uint64_t pages)
{
    uint64_t next_page = 0;

    for (uint64_t i = 0; i < fences->count; i++) {
        const uint64_t page = fences->pages != NULL ? fences->pages[i] : i;
        uint64_t key[IKV_KEY_WORDS_MAX];

        assert_true(page >= next_page && page < pages);
        next_page = page + 1;
        dummy_key(words, page, key);
        assert_memory_equal(fences->keys + i * words, key, words * sizeof(uint64_t));
    }
    if (fences->count > 0 && fences->pages == NULL) {
        assert_int_equal(fences->count, pages);
        assert_int_equal(fences->step, 1);
    }
}

uint64_t known_pages(struct ikv_learner *learner, uint32_t words, uint64_t pages)
{
    const struct ikv_fences *fences = ikv_learner_acquire(learner);
    const uint64_t count = fences->count;
    struct ikv_learner_info info;

    assert_snapshot(fences, words, pages);
    ikv_learner_release(learner, fences);
    ikv_learner_get_info(learner, &info);
    assert_int_equal(info.known, count);
    assert_true(info.bytes <= info.max_bytes);
    return count;
}
