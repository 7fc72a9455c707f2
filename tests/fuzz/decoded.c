#include "decoded.h"

#include "decoder.h"
#include "hostkey.h"
#include "leaf_decoder.h"

#include <stdio.h>

#define ERROR_SIZE    320
#define CHECKSUM_SIZE 4u

static int add_leaves(const char *path, store_model *model, char *error)
{
    unsigned char key[IKV_KEY_WIDTH_MAX];
    decoded_leaves decoded;
    const int code = leaf_decoder_read(path, &decoded);

    snprintf(error, ERROR_SIZE, "%s", decoded.error);
    for (size_t i = 0; code == 0 && i < decoded.pair_count; i++) {
        hostkey_from_file(model->type, decoded.pairs[i].key, key);
        model_add(model, key, decoded.pairs[i].value, decoded.pairs[i].size);
    }
    leaf_decoder_free(&decoded);
    return code;
}

static int add_entries(const char *path, const ikv_info *info, store_model *model, char *error)
{
    const decoder_layout layout = hostkey_layout(info->key_type, info->stride);
    const uint32_t surplus = info->has_trailer ? CHECKSUM_SIZE : 0;
    unsigned char key[IKV_KEY_WIDTH_MAX];
    decoded_store decoded;
    int code = decoder_read(path, &layout, &decoded);

    snprintf(error, ERROR_SIZE, "%s", decoded.error);
    for (size_t i = 0; code == 0 && i < decoded.pair_count; i++) {
        const decoder_entry *entry = &decoded.entries[i];
        if (entry->size < surplus) {
            snprintf(error, ERROR_SIZE, "record %zu has no checksum", i);
            code = -1;
            break;
        }
        hostkey_from_file(model->type, entry->key, key);
        model_add(model, key, entry->content, entry->size - surplus);
    }
    decoder_free(&decoded);
    return code;
}

int fuzz_decode(const char *path, const ikv_info *info, store_model *ret, char *error)
{
    model_init(ret, info->key_type);
    const int code = info->layout == IKV_LAYOUT_CLUSTERED ? add_leaves(path, ret, error)
                                                          : add_entries(path, info, ret, error);

    if (code != 0) {
        model_free(ret);
        model_init(ret, info->key_type);
    }
    model_sort(ret, MODEL_KEEP_ALL);
    return code;
}
