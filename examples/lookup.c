/*
 * The library in one page: write a store, open it, look up a batch.
 *
 *   lookup STORE
 */
#include <indexkv.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int write_store(const char *path, ikv_error *err)
{
    static const struct {
        uint64_t key;
        const char *value;
    } pairs[] = {{2003, "Spirit"}, {1971, "Mars 3"}, {2011, "Curiosity"}, {1976, "Viking 1"}};
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    ikv_writer *writer;
    int result;

    options.key_type = IKV_KEY_U64;
    result = ikv_writer_new(path, &options, &writer, err);
    if (result < 0)
        return result;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        result = ikv_writer_add(writer, &pairs[i].key, pairs[i].value, strlen(pairs[i].value), err);
        if (result < 0) {
            ikv_writer_abort(writer);
            return result;
        }
    }
    return ikv_writer_finish(writer, NULL, err); /* now the store is at `path`, durably */
}

static int look_up(ikv_store *store, ikv_error *err)
{
    const uint64_t keys[] = {1976, 2003, 2024}; /* any order, repeats allowed */
    const size_t count = sizeof(keys) / sizeof(keys[0]);
    ikv_result *answers;
    int result = ikv_result_new(&answers);

    if (result < 0)
        return result;
    result = ikv_get_many(store, keys, count, NULL, answers, err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        const ikv_item *item = &ikv_result_items(answers)[i];

        if (item->status == IKV_FOUND)
            printf("%" PRIu64 " %.*s\n", keys[i], (int)item->size, (const char *)item->value);
        else
            printf("%" PRIu64 " %s\n", keys[i],
                   item->status == IKV_MISSING ? "is missing" : "is damaged");
    }
    ikv_result_free(answers);
    return result;
}

int main(int argc, char **argv)
{
    ikv_error err = {0};
    ikv_store *store = NULL;
    int result;

    if (argc != 2) {
        fprintf(stderr, "usage: lookup STORE\n");
        return 2;
    }
    result = write_store(argv[1], &err);
    if (result == 0)
        result = ikv_open(argv[1], NULL, &store, &err);
    if (result == 0)
        result = look_up(store, &err);
    ikv_close(store);
    if (result < 0)
        fprintf(stderr, "lookup: %s\n", err.message[0] ? err.message : ikv_strerror(result));
    return result < 0;
}
