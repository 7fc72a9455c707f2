/*
 * Match: floor and ceiling lookups in memory, of keys between stored ones, against exact lookups of
 * those, alternating; batches, one thread.
 *
 *   match/floor, /ceiling     arrival order
 *   match/floor/clustered     clustered
 *
 * ratio is lookups per second over those of exact lookups.
 */
#include "families/families.h"
#include "subjects/lookups.h"

#define BATCH 1000

static struct subject *matching(const struct options *options, ikv_layout layout, ikv_match match)
{
    return lookups_new(&(struct lookups_options){.data = {.directory = options->data,
                                                          .pairs = options->pairs,
                                                          .value_size = MAIN_VALUE_SIZE,
                                                          .layout = layout},
                                                 .backend = IKV_BACKEND_AUTO,
                                                 .threads = 1,
                                                 .batch = BATCH,
                                                 .match = match});
}

static void register_pair(const char *name, const struct options *options, ikv_layout layout,
                          ikv_match match)
{
    subject_register_pair(name, NULL, matching(options, layout, match),
                          matching(options, layout, IKV_EXACT));
}

void match_register(const struct options *options)
{
    register_pair("match/floor", options, IKV_LAYOUT_ARRIVAL, IKV_FLOOR);
    register_pair("match/ceiling", options, IKV_LAYOUT_ARRIVAL, IKV_CEILING);
    register_pair("match/floor/clustered", options, IKV_LAYOUT_CLUSTERED, IKV_FLOOR);
}
