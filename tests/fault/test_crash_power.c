/* The power fails at every point of a build, when operations that were not synced may or may not be
 * on the disk: the path has the complete old or new store. */
#include "power_loss.h"
#include "scale.h"
#include "stores.h"
#include "victim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A file left under a temporary name must not open, unless it is the complete new store. */
typedef struct orphan_check {
    const victim *self;
    char *path;
    size_t opened;
    size_t incomplete; /* refused with IKV_E_INCOMPLETE; others have no header */
} orphan_check;

static bool orphan_is_harmless(void *user, const void *image, size_t size)
{
    orphan_check *check = user;
    const victim *self = check->self;
    if (size == self->new_size && memcmp(image, self->new_image, size) == 0)
        return true;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    options.key_type = self->setup.type;
    file_write(check->path, image, size);
    int code = ikv_open(check->path, &options, &store, NULL);
    check->opened++;
    check->incomplete += code == IKV_E_INCOMPLETE;
    if (code == 0)
        ikv_close(store);
    return code < 0;
}

static power_log *record_build(victim *self)
{
    ikv_error err;
    power_log *log = power_log_new("store", self->old_image, self->old_size);
    fault_start(NULL, power_log_observe, log);
    int code = victim_build(self, &err);
    fault_stop();
    assert_ok(code, &err);
    assert_true(victim_is_new(self));
    return log;
}

static void lose_power(const victim_setup *setup, uint64_t samples)
{
    victim self;
    power_loss_result result;
    tmpdir scratch;

    tmpdir_make_in_memory(&scratch);
    victim_make(&self, setup);
    orphan_check check = {&self, tmpdir_file(&scratch, "orphan"), 0, 0};
    power_log *log = record_build(&self);
    memset(&result, 0, sizeof(result));
    for (size_t tear = 512; tear <= 4096; tear *= 8) {
        power_loss_setup how = {.tear = tear,
                                .samples = samples,
                                .seed = tear,
                                .new_image = self.new_image,
                                .new_size = self.new_size,
                                .reported_success = true,
                                .orphan = orphan_is_harmless,
                                .user = &check};
        power_loss_run(log, &how, &result);
    }
    print_message("%zu operations, %llu points (%llu exhaustive), %llu disks: %llu old, %llu new; "
                  "%zu different orphans, %zu of them incomplete\n",
                  power_log_operations(log), (unsigned long long)result.points,
                  (unsigned long long)result.exhaustive, (unsigned long long)result.disks,
                  (unsigned long long)result.old_seen, (unsigned long long)result.new_seen,
                  check.opened, check.incomplete);
    if (result.violations > 0)
        fail_msg("%llu violations; the first: %s", (unsigned long long)result.violations,
                 result.first);
    assert_true(result.old_seen > 0);
    assert_true(result.new_seen > 0);
    power_log_free(log);
    free(check.path);
    victim_free(&self);
    tmpdir_remove(&scratch);
}

static void native_over_an_old_store(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = 300, .sizes = MODEL_SIZES_SMALL};
    lose_power(&setup, test_scaled(4000));
}

static void native_of_few_bytes(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U16, .pairs = 2, .sizes = MODEL_SIZES_EIGHT};
    lose_power(&setup, test_scaled(4000));
}

static void native_without_an_old_store(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_U64, .pairs = 100, .no_old_store = true};
    lose_power(&setup, test_scaled(2000));
}

static void native_with_duplicates_dropped(void **state)
{
    (void)state;
    victim_setup setup = {.type = IKV_KEY_I32,
                          .pairs = 600,
                          .sizes = MODEL_SIZES_SMALL,
                          .duplicates = true,
                          .by_callback = true};
    lose_power(&setup, test_scaled(4000));
}

static void plain_over_an_old_store(void **state)
{
    (void)state;
    victim_setup setup = {
        .type = IKV_KEY_U64, .pairs = 300, .sizes = MODEL_SIZES_SMALL, .flags = IKV_WRITE_PLAIN};
    lose_power(&setup, test_scaled(4000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(native_over_an_old_store, stop_faults),
        cmocka_unit_test_teardown(native_of_few_bytes, stop_faults),
        cmocka_unit_test_teardown(native_without_an_old_store, stop_faults),
        cmocka_unit_test_teardown(native_with_duplicates_dropped, stop_faults),
        cmocka_unit_test_teardown(plain_over_an_old_store, stop_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
