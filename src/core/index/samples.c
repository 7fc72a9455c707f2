#include "core/index/samples.h"

#include "core/base/huge.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t flag_words(uint64_t pages)
{
    return pages / 16 + 1;
}

uint64_t ikv_samples_memory(uint64_t pages)
{
    return ikv_huge_size(pages * IKV_SAMPLES) + flag_words(pages) * sizeof(uint64_t) +
           sizeof(struct ikv_samples);
}

int ikv_samples_new(uint64_t pages, struct ikv_samples **ret)
{
    struct ikv_samples *samples = calloc(1, sizeof *samples);

    if (!samples)
        return -ENOMEM;
    samples->pages = ikv_huge_alloc((size_t)(pages * IKV_SAMPLES));
    samples->flags = calloc((size_t)flag_words(pages), sizeof *samples->flags);
    if (!samples->pages || !samples->flags) {
        ikv_samples_free(samples);
        return -ENOMEM;
    }
    *ret = samples;
    return 0;
}

void ikv_samples_free(struct ikv_samples *samples)
{
    if (!samples)
        return;
    ikv_huge_free(samples->pages);
    free(samples->flags);
    free(samples);
}

/* Set flags of a page; returns the previous ones. */
static unsigned set_flags(struct ikv_samples *samples, uint64_t page, unsigned flags)
{
    const uint64_t before =
        atomic_fetch_or(&samples->flags[page / 16], (uint64_t)flags << (page % 16 * 4));

    return ikv_samples_flags(before, page);
}

unsigned char *ikv_samples_claim(struct ikv_samples *samples, uint64_t page)
{
    if (!samples)
        return NULL;
    const uint64_t word = atomic_load_explicit(&samples->flags[page / 16], memory_order_relaxed);
    if ((ikv_samples_flags(word, page) & IKV_SAMPLES_CLAIMED) ||
        !(set_flags(samples, page, IKV_SAMPLES_TOUCHED) & IKV_SAMPLES_TOUCHED) ||
        (set_flags(samples, page, IKV_SAMPLES_CLAIMED) & IKV_SAMPLES_CLAIMED))
        return NULL;
    return samples->pages[page];
}

void ikv_samples_publish(struct ikv_samples *samples, uint64_t page)
{
    (void)set_flags(samples, page, IKV_SAMPLES_READY);
}
