/* Write a store, open it, look up a batch. */
#include <indexkv.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int write_store(const char *path, ikv_error *err)
{
    const uint64_t keys[] = {2003, 1971, 2011, 1976}; /* any order */
    const char *const values[] = {"Spirit", "Mars 3", "Curiosity", "Viking 1"};
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    ikv_writer *writer;

    options.key_type = IKV_KEY_U64;
    if (ikv_writer_new(path, &options, &writer, err) < 0)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        if (ikv_writer_add(writer, &keys[i], values[i], strlen(values[i]), err) < 0) {
            ikv_writer_abort(writer);
            return -1;
        }
    }
    return ikv_writer_finish(writer, NULL, err); /* 0: the store is complete and synced */
}

static int look_up(ikv_store *store, ikv_result *result, ikv_error *err)
{
    const uint64_t keys[] = {1976, 2003, 2024}; /* any order, repeats allowed */
    const size_t count = sizeof(keys) / sizeof(keys[0]);

    if (ikv_get_many(store, keys, count, NULL, result, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const ikv_item *item = &ikv_result_items(result)[i]; /* answers keys[i] */

        if (item->status == IKV_FOUND)
            printf("%" PRIu64 " %.*s\n", keys[i], (int)item->size, (const char *)item->value);
        else
            printf("%" PRIu64 " is %s\n", keys[i],
                   item->status == IKV_MISSING ? "missing" : "damaged");
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "missions.ikv";
    ikv_error err = {.message = "out of memory"};
    ikv_store *store = NULL;
    ikv_result *result = NULL;
    int failed = write_store(path, &err) < 0 || ikv_open(path, NULL, &store, &err) < 0 ||
                 ikv_result_new(&result) < 0 || look_up(store, result, &err) < 0;

    if (failed)
        fprintf(stderr, "%s\n", err.message);
    ikv_result_free(result);
    ikv_close(store);
    return failed;
}
