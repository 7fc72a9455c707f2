#include "fault_alloc.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A hash table of blocks with linear probing, at most half full. Its own memory comes from the C
 * library, past the wrappers. */
#define FIRST_SLOTS ((size_t)1 << 12)

typedef struct block {
    uintptr_t address; /* 0: free slot */
    size_t size;
} block;

/* Protects `layer`. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
    bool active;
    bool for_good;
    uint64_t index;
    fault_alloc_report report;
    size_t live;
    size_t bytes;       /* in live blocks */
    size_t bytes_start; /* in live blocks when counting began */
    size_t slots;       /* a power of two */
    block *blocks;
} layer;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **ret, size_t alignment, size_t size);
void __real_free(void *memory);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **ret, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
void __wrap_free(void *memory);

/* ---------------------------------------------------------------- the table of blocks */

static size_t slot_of(uintptr_t address)
{
    uint64_t hash = (uint64_t)address * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash >> 24) & (layer.slots - 1);
}

/* The slot of `address`, or the free slot to put it in. */
static size_t find(uintptr_t address)
{
    size_t slot = slot_of(address);
    while (layer.blocks[slot].address != 0 && layer.blocks[slot].address != address)
        slot = (slot + 1) & (layer.slots - 1);
    return slot;
}

static void grow_table(void)
{
    block *old = layer.blocks;
    size_t old_slots = layer.slots;

    layer.slots = old_slots > 0 ? 2 * old_slots : FIRST_SLOTS;
    layer.blocks = __real_calloc(layer.slots, sizeof(*layer.blocks));
    if (layer.blocks == NULL) {
        fputs("fault_alloc: no memory to track blocks\n", stderr);
        abort();
    }
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i].address != 0)
            layer.blocks[find(old[i].address)] = old[i];
    }
    __real_free(old);
}

static void track(const void *memory, size_t size)
{
    if (memory == NULL)
        return;
    (void)pthread_mutex_lock(&lock);
    if (layer.live >= layer.slots / 2)
        grow_table();
    layer.blocks[find((uintptr_t)memory)] = (block){(uintptr_t)memory, size};
    layer.live++;
    layer.bytes += size;
    size_t grown = layer.bytes > layer.bytes_start ? layer.bytes - layer.bytes_start : 0;
    if (layer.active && grown > layer.report.peak)
        layer.report.peak = grown;
    (void)pthread_mutex_unlock(&lock);
}

/* Moves later blocks into the gap, so that probing finds them. Returns the size of the block. */
static size_t remove_block(const void *memory)
{
    if (memory == NULL || layer.slots == 0)
        return 0;
    size_t hole = find((uintptr_t)memory);
    size_t size = layer.blocks[hole].size;
    if (layer.blocks[hole].address == 0)
        return 0;
    layer.live--;
    layer.bytes -= size;
    for (size_t next = (hole + 1) & (layer.slots - 1); layer.blocks[next].address != 0;
         next = (next + 1) & (layer.slots - 1)) {
        size_t home = slot_of(layer.blocks[next].address);
        if (((next - home) & (layer.slots - 1)) >= ((next - hole) & (layer.slots - 1))) {
            layer.blocks[hole] = layer.blocks[next];
            hole = next;
        }
    }
    layer.blocks[hole] = (block){0, 0};
    return size;
}

/* Ignores blocks that the C library allocated itself. Returns the size of the block. */
static size_t untrack(const void *memory)
{
    (void)pthread_mutex_lock(&lock);
    const size_t size = remove_block(memory);
    (void)pthread_mutex_unlock(&lock);
    return size;
}

/* ---------------------------------------------------------------- the wrappers */

static bool must_fail(void)
{
    (void)pthread_mutex_lock(&lock);
    const uint64_t call = layer.report.calls;
    const bool failed =
        layer.active && (call == layer.index || (layer.for_good && call > layer.index));
    layer.report.calls += layer.active;
    layer.report.failed += failed;
    (void)pthread_mutex_unlock(&lock);
    if (failed)
        errno = ENOMEM;
    return failed;
}

void *__wrap_malloc(size_t size)
{
    void *memory = must_fail() ? NULL : __real_malloc(size);
    track(memory, size);
    return memory;
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *memory = must_fail() ? NULL : __real_calloc(count, size);
    track(memory, count * size);
    return memory;
}

void *__wrap_realloc(void *old, size_t size)
{
    if (must_fail())
        return NULL;
    size_t old_size = untrack(old);
    void *memory = __real_realloc(old, size);
    if (memory == NULL)
        track(old, old_size);
    else
        track(memory, size);
    return memory;
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    return __wrap_realloc(old, count * size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    void *memory = must_fail() ? NULL : __real_aligned_alloc(alignment, size);
    track(memory, size);
    return memory;
}

int __wrap_posix_memalign(void **ret, size_t alignment, size_t size)
{
    if (must_fail())
        return ENOMEM;
    int rc = __real_posix_memalign(ret, alignment, size);
    if (rc == 0)
        track(*ret, size);
    return rc;
}

char *__wrap_strdup(const char *text)
{
    return __wrap_strndup(text, strlen(text));
}

char *__wrap_strndup(const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    char *copy = __wrap_malloc(length + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

void __wrap_free(void *memory)
{
    if (memory != NULL)
        (void)untrack(memory);
    __real_free(memory);
}

/* ---------------------------------------------------------------- control */

void fault_alloc_start(uint64_t index, bool for_good)
{
    (void)pthread_mutex_lock(&lock);
    layer.index = index;
    layer.for_good = for_good;
    layer.report = (fault_alloc_report){0, 0, 0};
    layer.bytes_start = layer.bytes;
    layer.active = true;
    (void)pthread_mutex_unlock(&lock);
}

fault_alloc_report fault_alloc_stop(void)
{
    (void)pthread_mutex_lock(&lock);
    layer.active = false;
    const fault_alloc_report report = layer.report;
    (void)pthread_mutex_unlock(&lock);
    return report;
}

size_t fault_alloc_live(void)
{
    (void)pthread_mutex_lock(&lock);
    const size_t live = layer.live;
    (void)pthread_mutex_unlock(&lock);
    return live;
}
