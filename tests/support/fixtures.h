/* Set-ups that groups of cmocka tests share. */
#ifndef TEST_FIXTURES_H
#define TEST_FIXTURES_H

#include "indexkv.h"

#include "engines.h"
#include "model.h"
#include "tmpdir.h"

#include <stddef.h>

/*
 * The directory of the running group, on a disk: file systems in memory support neither O_DIRECT
 * nor dropping cached pages. *state is set to &group_dir.
 */
extern tmpdir group_dir;
int group_dir_setup(void **state);
int group_dir_teardown(void **state);

/* A store with random u64 keys in its own directory on a disk, and a batch of keys for it. */
typedef struct store_fixture {
    tmpdir directory;
    char *path;
    store_model model;
    open_mode modes[OPEN_MODES_MAX]; /* modes in which the store can be opened */
    size_t mode_count;
    unsigned char *keys;
    size_t count;
} store_fixture;

/* `key_count` is ignored for shapes that determine the number of keys. */
void store_fixture_make(store_fixture *ret, size_t pairs, model_sizes sizes, batch_shape shape,
                        size_t key_count);
void store_fixture_free(store_fixture *fixture);
/* Whether the result answers an exact lookup of the fixture's keys. */
int fixture_is_right(const store_fixture *fixture, const ikv_result *result);

#endif
