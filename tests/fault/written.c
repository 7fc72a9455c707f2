#include "written.h"

#include "hostkey.h"
#include "leaf_decoder.h"
#include "stores.h"
#include "tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHECKSUM_SIZE 4
#define PAGE_SIZE     4096

static void assert_zero(const decoded_store *file, uint64_t begin, uint64_t end)
{
    for (uint64_t at = begin; at < end; at++) {
        if (file->bytes[at] != 0)
            fail_msg("byte %llu is not zero", (unsigned long long)at);
    }
}

static void assert_entry(const store_model *model, const decoded_store *file, size_t number,
                         uint32_t surplus)
{
    const model_pair *pair = model->sorted[number];
    const decoder_entry *entry = &file->entries[number];
    unsigned char key[IKV_KEY_WIDTH_MAX];

    hostkey_to_file(model->type, pair->key, key);
    assert_memory_equal(entry->key, key, file->layout.key_width);
    assert_int_equal(entry->size, pair->size + surplus);
    assert_memory_equal(entry->content, pair->value, pair->size);
}

static void assert_plain_layout(const decoded_store *file)
{
    static const unsigned char zeros[5] = {0, 0, 0, 0, 0};

    assert_memory_equal(file->spare, zeros, sizeof(zeros));
    assert_int_equal(file->index_start, file->records_end);
    assert_int_equal(file->file_size, file->index_end);
}

static void assert_arrival(const char *path, const store_model *model, bool plain, uint32_t stride)
{
    decoder_layout layout = hostkey_layout(model->type, stride);
    const model_pair **order = model_by_arrival(model);
    decoded_store file;

    if (decoder_read(path, &layout, &file) != 0)
        fail_msg("%s", file.error);
    assert_int_equal(file.pair_count, model->sorted_count);
    assert_int_equal(decoder_repeated_keys(&file), 0);
    for (size_t i = 0; i < model->sorted_count; i++)
        assert_entry(model, &file, i, plain ? 0 : CHECKSUM_SIZE);
    /* The i-th record is that of the i-th pair in arrival order. */
    for (size_t i = 0; i < model->sorted_count; i++)
        assert_ptr_equal(model->sorted[file.arrival[i]], order[i]);
    if (plain) {
        assert_plain_layout(&file);
    } else {
        assert_int_equal(file.index_start % PAGE_SIZE, 0);
        assert_zero(&file, file.records_end, file.index_start);
    }
    decoder_free(&file);
    free(order);
}

/* To readers of the base format, values have surplus bytes at the end. */
static void assert_v2_view(const char *path, const store_model *model, bool has_index)
{
    decoder_layout layout = hostkey_layout(model->type, 0);
    decoded_store file;

    if (decoder_read(path, &layout, &file) != 0)
        fail_msg("%s", file.error);
    assert_int_equal(file.pair_count, has_index ? model->sorted_count : 0);
    for (size_t i = 0; i < file.pair_count; i++) {
        const model_pair *pair = model->sorted[i];
        unsigned char key[IKV_KEY_WIDTH_MAX];

        hostkey_to_file(model->type, pair->key, key);
        assert_memory_equal(file.entries[i].key, key, file.layout.key_width);
        assert_true(file.entries[i].size >= pair->size + CHECKSUM_SIZE);
        assert_memory_equal(file.entries[i].content, pair->value, pair->size);
    }
    decoder_free(&file);
}

static void assert_clustered(const char *path, const store_model *model)
{
    decoded_leaves file;

    if (leaf_decoder_read(path, &file) != 0)
        fail_msg("%s", file.error);
    assert_int_equal(file.trailer.layout.kind, hostkey_kind(model->type));
    assert_int_equal(file.trailer.layout.key_width, hostkey_width(model->type));
    assert_int_equal(file.pair_count, model->sorted_count);
    for (size_t i = 0; i < model->sorted_count; i++) {
        const model_pair *pair = model->sorted[i];
        unsigned char key[IKV_KEY_WIDTH_MAX];

        hostkey_to_file(model->type, pair->key, key);
        assert_memory_equal(file.pairs[i].key, key, file.trailer.layout.key_width);
        assert_int_equal(file.pairs[i].size, pair->size);
        assert_memory_equal(file.pairs[i].value, pair->value, pair->size);
    }
    assert_v2_view(path, model, file.has_v2_index);
    leaf_decoder_free(&file);
}

void assert_written(const char *path, const store_model *model, bool plain, uint32_t stride)
{
    if (!plain && leaf_decoder_applies(path))
        assert_clustered(path, model);
    else
        assert_arrival(path, model, plain, stride);
}

void assert_same_file(const char *a, const char *b)
{
    size_t size_a;
    size_t size_b;
    unsigned char *bytes_a = file_read(a, &size_a);
    unsigned char *bytes_b = file_read(b, &size_b);

    for (size_t i = 0; i < size_a && i < size_b; i++) {
        if (bytes_a[i] != bytes_b[i])
            fail_msg("%s and %s (%zu and %zu bytes) differ at byte %zu", a, b, size_a, size_b, i);
    }
    assert_int_equal(size_a, size_b);
    free(bytes_a);
    free(bytes_b);
}
