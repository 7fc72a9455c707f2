#include "fixtures.h"

#include "rng.h"

#include <stdlib.h>

tmpdir group_dir;

int group_dir_setup(void **state)
{
    tmpdir_make(&group_dir);
    *state = &group_dir;
    return 0;
}

int group_dir_teardown(void **state)
{
    (void)state;
    tmpdir_remove(&group_dir);
    return 0;
}

void store_fixture_make(store_fixture *ret, size_t pairs, model_sizes sizes, batch_shape shape,
                        size_t key_count)
{
    rng_state rng = {1};

    tmpdir_make(&ret->directory);
    ret->path = tmpdir_file(&ret->directory, "store");
    engine_fill(ret->path, IKV_KEY_U64, 0, pairs, sizes, 1, &ret->model);
    ret->mode_count = open_modes(ret->path, IKV_KEY_U64, ret->modes);
    ret->keys = batch_keys(&ret->model, &rng, shape, key_count, &ret->count);
}

void store_fixture_free(store_fixture *fixture)
{
    free(fixture->keys);
    model_free(&fixture->model);
    free(fixture->path);
    tmpdir_remove(&fixture->directory);
}

int fixture_is_right(const store_fixture *fixture, const ikv_result *result)
{
    return batch_is_right(&fixture->model, fixture->keys, fixture->count, IKV_EXACT, result);
}
