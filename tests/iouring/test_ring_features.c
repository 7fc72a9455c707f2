/* The names of ring features: every feature has one, and text is truncated to the buffer. */
#include "indexkv.h"
#include "iouring/features.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    uint32_t feature;
    const char *name;
} known[] = {
    {IKV_URING_DEFER_TASKRUN, "defer_taskrun"},
    {IKV_URING_SINGLE_ISSUER, "single_issuer"},
    {IKV_URING_COOP_TASKRUN, "coop_taskrun"},
    {IKV_URING_SUBMIT_ALL, "submit_all"},
    {IKV_URING_CLAMP, "clamp"},
    {IKV_URING_CQSIZE, "cqsize"},
    {IKV_URING_BUFFERS, "buffers"},
    {IKV_URING_FILES, "files"},
};

static void every_feature_has_a_name(void **state)
{
    uint32_t all = 0;
    char text[200];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        assert_string_equal(ikv_ring_features_text(known[i].feature, text, sizeof(text)),
                            known[i].name);
        assert_string_equal(ikv_uring_feature_name(known[i].feature), known[i].name);
        all |= known[i].feature;
    }
    assert_int_equal(all, IKV_URING_FEATURES);
}

static void sets_are_separated_by_spaces(void **state)
{
    char text[200];

    (void)state;
    assert_string_equal(ikv_ring_features_text(0, text, sizeof(text)), "");
    assert_string_equal(
        ikv_ring_features_text(IKV_URING_FILES | IKV_URING_DEFER_TASKRUN | IKV_URING_SINGLE_ISSUER,
                               text, sizeof(text)),
        "defer_taskrun single_issuer files");
    assert_string_equal(ikv_ring_features_text(UINT32_MAX, text, sizeof(text)),
                        "defer_taskrun single_issuer coop_taskrun submit_all clamp cqsize buffers "
                        "files");
    /* Unknown features have no name. */
    assert_string_equal(ikv_ring_features_text(UINT32_MAX - IKV_URING_FEATURES, text, sizeof(text)),
                        "");
    assert_string_equal(ikv_uring_feature_name(1u << 31), "?");
}

static void text_is_truncated_to_buffer(void **state)
{
    char whole[200];
    char text[200];

    (void)state;
    (void)ikv_ring_features_text(IKV_URING_FEATURES, whole, sizeof(whole));
    for (size_t size = 0; size <= strlen(whole) + 1; size++) {
        memset(text, 'x', sizeof(text));
        assert_ptr_equal(ikv_ring_features_text(IKV_URING_FEATURES, text, size), text);
        for (size_t i = size; i < sizeof(text); i++)
            assert_int_equal(text[i], 'x');
        if (size > 0) {
            assert_int_equal(strlen(text), size - 1);
            assert_memory_equal(text, whole, size - 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_feature_has_a_name),
        cmocka_unit_test(sets_are_separated_by_spaces),
        cmocka_unit_test(text_is_truncated_to_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
