/* Tests a backend against the I/O contract: test_contract_io [VARIANT [TEST]]. Default: pread. */
#include "suite.h"

#include "indexkv.h"
#include "scale.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct variant tested;
void read_one(struct window *window, const struct content *content, uint64_t offset,
              uint32_t length, uint32_t need)
{
    read_begin(&window->requests[0], content, &window->rooms[0], offset, length, need);
    window_submit(window, 0);
    assert_int_equal(window_reap(window), 0);
    assert_null(window->backend->reap(window->io));
    assert_false(window_has_finished(window));
    read_check(&window->requests[0], content, &window->rooms[0]);
}

size_t many(size_t count)
{
    return test_scaled(count) / tested.slowdown + 1;
}

uint32_t unit(void)
{
    return tested.direct ? CONTENT_ALIGNMENT : 1;
}

/* Polling for completions needs support by the device. */
static void require_support(void)
{
    struct window window;
    struct content content;

    content_make(&content, group_dir.path, CONTENT_ALIGNMENT, 14, tested.direct);
    window_open(&window, &tested.backend, 1, ROOM);
    read_begin(&window.requests[0], &content, &window.rooms[0], 0, CONTENT_ALIGNMENT, 1);
    window_submit(&window, 0);
    (void)window_reap(&window);
    int code = window.requests[0].code;
    window_close(&window);
    content_close(&content);
    if (code != -EOPNOTSUPP)
        return;
    tmpdir_remove(&group_dir);
    (void)fprintf(stderr, "skipped: not supported by the device: %s\n", ikv_strerror(code));
    exit(77);
}

static int group_setup(void **state)
{
    (void)group_dir_setup(state);
    require_support();
    return 0;
}

static int group_teardown(void **state)
{
    return group_dir_teardown(state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_do),
        cmocka_unit_test(offsets_and_lengths),
        cmocka_unit_test(sectors),
        cmocka_unit_test(end_of_file),
        cmocka_unit_test(beyond_the_end),
        cmocka_unit_test(impossible_offsets),
        cmocka_unit_test(large_reads),
        cmocka_unit_test(more_than_one_call_can),
        cmocka_unit_test(huge_count_at_depth_1),
        cmocka_unit_test(huge_count_at_depth_2),
        cmocka_unit_test(huge_count_at_depth_256),
        cmocka_unit_test(odd_depths),
        cmocka_unit_test(many_files),
        cmocka_unit_test(file_replaced_under_the_number),
        cmocka_unit_test(buffers_elsewhere),
        cmocka_unit_test(errors_in_the_middle),
        cmocka_unit_test(errors_by_name),
        cmocka_unit_test(more_than_depth),
        cmocka_unit_test(depth_zero),
        cmocka_unit_test(destroy_with_reads_in_flight),
    };
    const char *name = argc > 1 ? argv[1] : "pread";

    if (!variant_find(name, &tested)) {
        (void)fprintf(stderr, "unknown variant: %s\n", name);
        return 2;
    }
    variant_require(&tested);
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    return cmocka_run_group_tests_name(name, tests, group_setup, group_teardown);
}
