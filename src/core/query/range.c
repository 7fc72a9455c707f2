/* The last key of a range, which follows its value. */
#include "core/base/error.h"
#include "core/store/store.h"

int ikv_range_last(const ikv_store *store, const ikv_item *item, void *ret_last)
{
    if (!store || !item || !ret_last || store->range_size == 0 || item->status != IKV_FOUND ||
        !item->value)
        return IKV_E_INVALID;
    ikv_key_swap_host(&store->index.key, (const unsigned char *)item->value + item->size, ret_last);
    return 0;
}
