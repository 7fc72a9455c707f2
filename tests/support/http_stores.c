#include "http_stores.h"

#include "fixtures.h"
#include "rng.h"
#include "stores.h"

#include <stdlib.h>

void http_stores_start(http_stores *stores, void **state, size_t pairs, model_sizes sizes)
{
    static const char *const names[HTTP_STORES] = {"arrival", "clustered", "plain"};
    static const ikv_layout layouts[HTTP_STORES] = {IKV_LAYOUT_ARRIVAL, IKV_LAYOUT_CLUSTERED,
                                                    IKV_LAYOUT_DEFAULT};
    rng_state rng = {5};

    (void)group_dir_setup(state);
    model_init(&stores->model, IKV_KEY_U64);
    model_fill(&stores->model, &rng, pairs, MODEL_KEYS_UNIFORM, sizes);
    for (size_t i = 0; i < HTTP_STORES; i++) {
        ikv_writer_options options =
            store_options_with(IKV_KEY_U64, i == HTTP_PLAIN ? IKV_WRITE_PLAIN : 0);
        options.layout = layouts[i];
        stores->path[i] = tmpdir_file(&group_dir, names[i]);
        store_write(stores->path[i], &stores->model, &options);
    }
    stores->server = http_server_start(&(http_plan){.choose = NULL});
}

int http_stores_stop(http_stores *stores, void **state)
{
    http_server_stop(stores->server);
    for (size_t i = 0; i < HTTP_STORES; i++)
        free(stores->path[i]);
    model_free(&stores->model);
    return group_dir_teardown(state);
}
