#include "mpi/write/sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * With 1,024 keys for each shard, the number of pairs in a shard has a standard deviation of 3 %,
 * so that 1.3 times the average is ten of these away.
 */
enum { KEYS_PER_SHARD = 1024, KEYS_MIN = 1 << 14, KEYS_MAX = 1 << 20, HASH = sizeof(uint64_t) };

int ikv_sample_init(struct sample *sample, ikv_key_type type, size_t shards)
{
    size_t capacity = shards < KEYS_MAX / KEYS_PER_SHARD ? shards * KEYS_PER_SHARD : KEYS_MAX;
    capacity = capacity < KEYS_MIN ? KEYS_MIN : capacity;
    const size_t width = ikv_key_width(type);
    *sample = (struct sample){.type = type,
                              .width = width,
                              .entry = HASH + width,
                              .capacity = capacity,
                              .limit = UINT64_MAX,
                              .entries = calloc(2 * capacity, HASH + width)};
    return sample->entries == NULL ? -ENOMEM : 0;
}

void ikv_sample_free(struct sample *sample)
{
    free(sample->entries);
    *sample = (struct sample){0};
}

/* The finalizer of splitmix64. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t hash_key(const unsigned char *key, size_t width)
{
    uint64_t hash = width;
    for (size_t i = 0; i < width; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, key + i, width - i < sizeof word ? width - i : sizeof word);
        hash = mix(hash + UINT64_C(0x9e3779b97f4a7c15) + word);
    }
    return hash;
}

/* ---------------------------------------------------------------- order */

static uint64_t hash_of(const unsigned char *entry)
{
    uint64_t hash;
    memcpy(&hash, entry, sizeof hash);
    return hash;
}

static int compare(const struct sample *sample, const unsigned char *a, const unsigned char *b,
                   int by_hash)
{
    const uint64_t x = hash_of(a), y = hash_of(b);
    if (by_hash && x != y)
        return x < y ? -1 : 1;
    return ikv_key_compare(sample->type, a + HASH, b + HASH);
}

static void swap(unsigned char *a, unsigned char *b, size_t size)
{
    unsigned char t[HASH + IKV_KEY_WIDTH_MAX];
    memcpy(t, a, size);
    memcpy(a, b, size);
    memcpy(b, t, size);
}

/* Heapsort: qsort passes no context to its comparison. */
static void sift(struct sample *sample, size_t at, size_t count, int by_hash)
{
    unsigned char *e = sample->entries;
    const size_t size = sample->entry;
    for (size_t child = 2 * at + 1; child < count; at = child, child = 2 * at + 1) {
        if (child + 1 < count &&
            compare(sample, e + child * size, e + (child + 1) * size, by_hash) < 0)
            child++;
        if (compare(sample, e + at * size, e + child * size, by_hash) >= 0)
            return;
        swap(e + at * size, e + child * size, size);
    }
}

static void sort(struct sample *sample, int by_hash)
{
    for (size_t i = sample->count / 2; i-- > 0;)
        sift(sample, i, sample->count, by_hash);
    for (size_t end = sample->count; end-- > 1;) {
        swap(sample->entries, sample->entries + end * sample->entry, sample->entry);
        sift(sample, 0, end, by_hash);
    }
}

/* Keep the smallest hashes, and each key once. */
static void compact(struct sample *sample)
{
    sort(sample, 1);
    size_t kept = 0;
    for (size_t i = 0; i < sample->count && kept < sample->capacity; i++) {
        const unsigned char *entry = sample->entries + i * sample->entry;
        unsigned char *to = sample->entries + kept * sample->entry;
        if (kept > 0 && memcmp(entry, to - sample->entry, sample->entry) == 0)
            continue;
        memmove(to, entry, sample->entry);
        kept++;
    }
    sample->count = kept;
    if (kept == sample->capacity)
        sample->limit = hash_of(sample->entries + (kept - 1) * sample->entry);
}

void ikv_sample_add(struct sample *sample, const void *key)
{
    const uint64_t hash = hash_key(key, sample->width);
    if (hash > sample->limit)
        return;
    unsigned char *entry = sample->entries + sample->count++ * sample->entry;
    memcpy(entry, &hash, sizeof hash);
    memcpy(entry + HASH, key, sample->width);
    if (sample->count == 2 * sample->capacity)
        compact(sample);
}

/* ---------------------------------------------------------------- all ranks */

enum { TAG_COUNT = 1, TAG_ENTRIES };

void ikv_sample_merge(struct sample *sample, MPI_Comm comm)
{
    int ranks, rank;
    (void)MPI_Comm_size(comm, &ranks);
    (void)MPI_Comm_rank(comm, &rank);
    compact(sample);
    /* Along a binomial tree. Entries are sent as units: their bytes may be more than an int. */
    MPI_Datatype unit;
    (void)MPI_Type_contiguous((int)sample->entry, MPI_BYTE, &unit);
    (void)MPI_Type_commit(&unit);
    for (int step = 1; step < ranks; step *= 2) {
        int count = (int)sample->count;
        if (rank % (2 * step) != 0) {
            (void)MPI_Send(&count, 1, MPI_INT, rank - step, TAG_COUNT, comm);
            (void)MPI_Send(sample->entries, count, unit, rank - step, TAG_ENTRIES, comm);
            break;
        }
        if (rank + step >= ranks)
            continue;
        (void)MPI_Recv(&count, 1, MPI_INT, rank + step, TAG_COUNT, comm, MPI_STATUS_IGNORE);
        (void)MPI_Recv(sample->entries + sample->count * sample->entry, count, unit, rank + step,
                       TAG_ENTRIES, comm, MPI_STATUS_IGNORE);
        sample->count += (size_t)count;
        compact(sample);
    }
    (void)MPI_Type_free(&unit);
}

void ikv_sample_split(struct sample *sample, size_t shards, unsigned char *ret_keys)
{
    sort(sample, 0);
    for (size_t s = 1; s < shards; s++) {
        unsigned char *key = ret_keys + (s - 1) * sample->width;
        const size_t at = (size_t)((uint64_t)sample->count * s / shards);
        if (sample->count > 0)
            memcpy(key, sample->entries + at * sample->entry + HASH, sample->width);
        else
            memset(key, 0, sample->width);
    }
}
