/*
 * The examples of indexkv.h, compiled and run. `scripts/lint samples` holds what is between
 * "example" and "end" below against the header.
 */
#include <indexkv.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static ikv_error err = {.message = "out of memory"};

static void print_item(const ikv_item *item)
{
    if (item->status == IKV_FOUND)
        printf("%.*s\n", (int)item->size, (const char *)item->value);
    else
        printf("%s\n", item->status == IKV_MISSING ? "missing" : "damaged");
}

static int look_up(const char *path, ikv_store **ret_store, ikv_result **ret_result)
{
    ikv_store *store = NULL;
    ikv_result *result = NULL;

    /* example */
    const uint64_t keys[] = {1976, 2003, 2024}; // any order
    if (ikv_open(path, NULL, &store, &err) < 0 || ikv_result_new(&result) < 0)
        return -1;
    if (ikv_get_many(store, keys, 3, NULL, result, &err) < 0)
        return -1;
    const ikv_item *items = ikv_result_items(result); // items[i] answers keys[i]
    /* end */
    for (size_t i = 0; i < ikv_result_count(result); i++)
        print_item(&items[i]);
    *ret_store = store;
    *ret_result = result;
    return 0;
}

static int report_errors(const char *path)
{
    ikv_store *store = NULL;

    /* example */
    const int code = ikv_open(path, NULL, &store, &err);
    if (code == -ENOENT)
        return 0; // nothing to look up yet
    if (code < 0)
        fprintf(stderr, "%s\n", err.message); // names the file and says what is wrong
    /* end */
    ikv_close(store);
    return -1;
}

static int convert_key(void)
{
    /* example */
    uint32_t address;
    char text[IKV_KEY_TEXT_MAX];
    if (ikv_key_parse(IKV_KEY_U32, IKV_SYNTAX_IP, "192.0.2.17", 10, &address) < 0)
        return -1;
    // AUTO formats integers as decimal numbers: 3221226001
    (void)ikv_key_format(IKV_KEY_U32, IKV_SYNTAX_AUTO, &address, text, sizeof text);
    /* end */
    printf("%s\n", text);
    return 0;
}

static int write_store(const char *path, const uint64_t *keys, const char *const *values,
                       size_t count)
{
    ikv_writer *writer;

    /* example */
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    options.key_type = IKV_KEY_U64;
    if (ikv_writer_new(path, &options, &writer, &err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (ikv_writer_add(writer, &keys[i], values[i], strlen(values[i]), &err) < 0) {
            ikv_writer_abort(writer);
            return -1;
        }
    return ikv_writer_finish(writer, NULL, &err); // 0: the store is at `path`, durably
    /* end */
}

static int scan_store(ikv_store *store)
{
    ikv_scan *scan;
    ikv_item item;
    int code;

    /* example */
    if (ikv_scan_open(store, NULL, &scan, &err) < 0)
        return -1;
    while ((code = ikv_scan_next(scan, &item, &err)) == 0)
        print_item(&item);
    ikv_scan_close(scan);
    return code == IKV_E_END ? 0 : code;
    /* end */
}

static int open_with_options(const char *path)
{
    ikv_store *store;
    ikv_info info;

    /* example */
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    options.index_memory = (uint64_t)1 << 30; // keep up to 1 GiB of the index in memory
    options.flags = IKV_OPEN_PRELOAD_INDEX;   // read the index into the page cache now
    if (ikv_open(path, &options, &store, &err) < 0)
        return -1;
    ikv_store_info(store, &info);
    /* end */
    printf("%d pairs\n", (int)info.pair_count);
    ikv_close(store);
    return 0;
}

static int copy_values(ikv_store *store, const uint64_t *keys, ikv_result *result)
{
    /* example */
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    char names[3][8];
    options.match = IKV_FLOOR; // the largest key <= the given one
    options.values = names;    // the value of keys[i] is copied to names[i] ...
    options.value_size = 8;    // ... if it has this size
    if (ikv_get_many(store, keys, 3, &options, result, &err) < 0)
        return -1;
    /* end */
    printf("%.8s %.8s %.8s\n", names[0], names[1], names[2]);
    return 0;
}

static void print_reads(const ikv_result *result)
{
    /* example */
    const ikv_stats *stats = ikv_result_stats(result);
    const uint64_t reads = stats->index_reads + stats->record_reads;
    printf("%.2f reads per key\n", (double)reads / (double)stats->keys);
    /* end */
}

static void do_something_else(void)
{
}

static int submit_batch(ikv_store *store, const uint64_t *keys, ikv_result *result)
{
    /* example */
    if (ikv_submit(store, keys, 3, NULL, NULL, result, &err) < 0) // returns at once
        return -1;
    do_something_else();
    if (ikv_wait(result, &err) < 0)
        return -1;
    /* end */
    print_item(&ikv_result_items(result)[0]);
    return 0;
}

static int verify_store(const char *path)
{
    /* example */
    ikv_verify_report report;
    if (ikv_verify(path, NULL, NULL, &report, &err) < 0)
        fprintf(stderr, "%s\n", err.message); // the first problem
    /* end */
    return report.problems == 0 ? 0 : -1;
}

static int merge_stores(const char *path, ikv_store *base, ikv_store *delta)
{
    /* example */
    ikv_store *const stores[] = {base, delta};
    ikv_writer_options writer = IKV_WRITER_OPTIONS_INIT;
    ikv_merge_options options = IKV_MERGE_OPTIONS_INIT;
    writer.on_duplicate = IKV_DUPLICATES_LAST; // pairs of delta replace those of base
    options.writer = &writer;
    if (ikv_merge(path, stores, 2, &options, NULL, &err) < 0)
        return -1;
    /* end */
    return 0;
}

static int fetch_store(const char *url, const char *path)
{
    /* example */
    ikv_fetch_stats fetched;
    if (ikv_fetch(url, path, NULL, NULL, &fetched, &err) < 0)
        fprintf(stderr, "%s\n", err.message); // the next call continues where this one stopped
    /* end */
    else
        printf("%llu bytes\n", (unsigned long long)fetched.file_size);
    return 0;
}

static void compare_versions(void)
{
    /* example */
    if (ikv_version_number() < IKV_VERSION_NUMBER)
        fprintf(stderr, "library %s, header %s\n", ikv_version(), IKV_VERSION_STRING);
    /* end */
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "missions.ikv";
    const uint64_t keys[] = {2003, 1971, 1977, 1976};
    const char *const values[] = {"Hayabusa", "Mariner9", "Voyager1", "Viking 1"};
    const uint64_t wanted[] = {1976, 2003, 2024};
    ikv_store *store = NULL;
    ikv_result *result = NULL;

    compare_versions();
    int failed =
        write_store(path, keys, values, 4) < 0 || look_up(path, &store, &result) < 0 ||
        report_errors("no-such-file.ikv") < 0 || convert_key() < 0 || scan_store(store) < 0 ||
        open_with_options(path) < 0 || copy_values(store, wanted, result) < 0 ||
        submit_batch(store, wanted, result) < 0 || verify_store(path) < 0 ||
        merge_stores(path, store, store) < 0 || (argc > 2 && fetch_store(argv[2], path) < 0);
    if (failed)
        fprintf(stderr, "%s\n", err.message);
    else
        print_reads(result);
    ikv_result_free(result);
    ikv_close(store);
    return failed;
}
