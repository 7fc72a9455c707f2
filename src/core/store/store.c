#include "core/store/store.h"

#include "core/io/source.h"

int ikv_store_read(struct ikv_store *store, void *buf, size_t size, uint64_t offset, ikv_error *err)
{
    char why[240];

    if (size == 0)
        return 0;
    int code = ikv_file_read(&store->file, buf, size, offset, NULL);
    store->open_reads++;
    store->open_bytes += size;
    if (code < 0)
        return ikv_fail(err, code, IKV_AT_OFFSET(store->path, offset), "%s",
                        ikv_file_explain(&store->file, code, "cannot read", why, sizeof why));
    return 0;
}

uint64_t ikv_store_fixed_memory(const struct ikv_store *store)
{
    return ikv_fences_memory(&store->fences) + store->tree.memory + store->filters.memory +
           (store->visited ? ikv_visited_memory(store->index.pages) : 0) +
           (store->leaf_counts.each ? ikv_leaf_counts_memory(store->index.pages) : 0) +
           (store->samples ? ikv_samples_memory(store->index.pages) : 0) +
           (store->page_sums ? store->index.pages * IKV_PAGE_CHECKSUM_SIZE : 0);
}

/* Those in the file include the last keys of ranges. */
static void set_value_sizes(const struct ikv_store *store, ikv_info *info)
{
    const struct ikv_properties *properties = &store->properties;
    const uint32_t more = properties->pair_count ? store->range_size : 0;

    info->value_size_min = properties->value_size_min - more;
    info->value_size_max = properties->value_size_max - more;
    info->value_size_p99 = properties->value_size_p99 - more;
    info->value_bytes = properties->value_bytes - properties->pair_count * more;
}

void ikv_store_info(const ikv_store *store, ikv_info *ret_info)
{
    const struct ikv_geometry *index = &store->index;
    const struct ikv_geometry *v2_index = &store->v2_index;
    struct ikv_page_cache_info cached;
    struct ikv_learner_info learned;
    static const char *const backends[] = {"auto", "pread", "uring", "mmap"};

    ikv_learner_get_info(store->learner, &learned);
    ikv_page_cache_info(store->cache, &cached);
    *ret_info = (struct ikv_info){
        .key_type = index->key.type,
        .key_width = index->key.width,
        .stride = v2_index->stride,
        .page_size = IKV_PAGE_SIZE,
        .has_trailer = store->has_trailer,
        .in_key_order = (store->properties.flags & IKV_PROPERTY_IN_KEY_ORDER) != 0,
        .file_size = store->file_size,
        .pair_count = index->count,
        .records_end = store->records_end,
        .index_start = v2_index->index_start,
        .index_size = v2_index->count * v2_index->stride,
        .index_pages = index->pages,
        .metadata = store->metadata,
        .metadata_size = store->metadata_size,
        .fences = store->fences.count + learned.known,
        .cached_pages = cached.pages,
        .max_cached_pages = cached.pages_max,
        .index_memory = ikv_store_fixed_memory(store) + learned.bytes + cached.memory,
        .open_reads = store->file.source ? store->file.source->open_requests : store->open_reads,
        .open_bytes = store->open_bytes,
        .backend = store->file.source ? store->file.source->type->backend->name
                                      : backends[store->backend_wanted],
        .direct = store->reads->direct,
        .locked = store->locked,
        .mapped = store->map ? store->map->size : 0,
        .resident = store->map ? ikv_min(ikv_map_count_resident(store->map) << store->map->shift,
                                         store->file_size)
                               : 0,
    };
    set_value_sizes(store, ret_info);
    ret_info->has_ranges = store->range_size > 0;
    ret_info->layout = store->is_clustered ? IKV_LAYOUT_CLUSTERED : IKV_LAYOUT_ARRIVAL;
    ret_info->leaf_size = store->leaves.leaf_size;
    if (store->map) {
        ret_info->entered = ikv_map_count_entered(store->map);
        ret_info->copied = store->map->copied;
        ret_info->entering = ikv_map_count_entering(store->map);
    }
    ret_info->filter_memory = store->filters.memory;
    ret_info->has_v2_index = !store->is_clustered || store->leaves.has_index;
    memcpy(ret_info->store_id, store->store_id, sizeof store->store_id);
}
