#include "disk/pattern.h"

uint64_t disk_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void disk_pattern_init(struct disk_pattern *pattern, uint64_t seed, unsigned share, unsigned shares)
{
    pattern->blocks = pattern->area.length / pattern->block;
    pattern->next = pattern->blocks / shares * share;
    pattern->state = seed + share;
    pattern->state = disk_random(&pattern->state); /* makes consecutive seeds independent */
    pattern->second = false;
}

/* The first read is chosen so that the second is within the area, too. */
static uint64_t next_of_pair(struct disk_pattern *pattern, bool *ret_measured)
{
    const uint64_t amount =
        (uint64_t)(pattern->distance < 0 ? -pattern->distance : pattern->distance);
    *ret_measured = pattern->second;
    pattern->second = !pattern->second;
    if (*ret_measured)
        return pattern->distance < 0 ? pattern->first - amount : pattern->first + amount;
    const uint64_t places = (pattern->area.length - amount) / pattern->block;
    const uint64_t low =
        pattern->area.start + disk_random(&pattern->state) % places * pattern->block;
    pattern->first = pattern->distance < 0 ? low + amount : low;
    return pattern->first;
}

uint64_t disk_pattern_next(struct disk_pattern *pattern, bool *ret_measured)
{
    uint64_t block = 0;
    *ret_measured = true;
    switch (pattern->order) {
    case DISK_RANDOM:
        block = disk_random(&pattern->state) % pattern->blocks;
        break;
    case DISK_SEQUENTIAL:
        block = pattern->next++;
        pattern->next = pattern->next == pattern->blocks ? 0 : pattern->next;
        break;
    case DISK_BACKWARD:
        block = pattern->next = (pattern->next ? pattern->next : pattern->blocks) - 1;
        break;
    case DISK_DISTANCE:
        return next_of_pair(pattern, ret_measured);
    }
    return pattern->area.start + block * pattern->block;
}
