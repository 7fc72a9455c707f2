#include "core/base/huge.h"

#include "core/base/bytes.h"

#include <stdlib.h>

#define CACHE_LINE 64u

/* From this size on, tables are rounded up to whole huge pages: at most an eighth is wasted. */
#define HUGE_MIN (8 * (uint64_t)IKV_HUGE_PAGE)

uint64_t ikv_huge_size(uint64_t size)
{
    return ikv_round_up(size, size < HUGE_MIN ? CACHE_LINE : IKV_HUGE_PAGE);
}

void *ikv_huge_alloc(size_t size)
{
    void *table = NULL;

    if (size > SIZE_MAX / 2)
        return NULL;
    const size_t whole = (size_t)ikv_huge_size(size ? size : 1);
    if (posix_memalign(&table, whole < HUGE_MIN ? CACHE_LINE : IKV_HUGE_PAGE, whole) != 0)
        return NULL;
    if (whole >= HUGE_MIN)
        ikv_platform_advise_huge(table, whole);
    return table;
}

void ikv_huge_free(void *table)
{
    free(table);
}
