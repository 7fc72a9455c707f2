/*
 * A store's file in memory: a mapping, and what is believed of its pages. Implemented in src/mmap.
 *
 * The mapping is touched where a page is believed to be resident, that is in the page cache; all
 * else is read through a backend. So no lookup waits for a page fault, and a read error is an error
 * and not a signal. Belief is a bit a page. It is set when the kernel was asked and said so, one
 * system call for up to 64 pages; it is cleared when faults show that it was wrong. It is a hint: a
 * wrong one costs time. (A finished read does not set it: that the page is still there when it is
 * wanted next is known only by asking then.)
 *
 * With IKV_BACKEND_MMAP everything is believed: the caller has said that the mapping is to be used.
 */
#ifndef IKV_MAP_H
#define IKV_MAP_H

#include "core/base/platform.h"

#include <stdatomic.h>
#include <stddef.h>

struct ikv_map {
    const unsigned char *bytes; /* the file, from its beginning; never changes, as the next three */
    uint64_t size;              /* as it was when it was opened */
    int fd;
    bool believes_all;
    bool may_ask_for_many; /* the kernel tells this process about pages of a mapping */
    unsigned shift;        /* a page is 1 << shift bytes */
    uint64_t words;        /* of `resident` */
    _Atomic uint64_t *resident;
    _Atomic uint64_t full;  /* so many words of `resident`, the first ones, were seen to be full */
    _Atomic uint64_t *seen; /* pages that were found resident once, without all their neighbours */

    /* Pages of the index whose checksums were found right, a bit each; NULL: none is noted. */
    _Atomic uint64_t *verified;
    uint64_t verified_words;
    _Atomic uint64_t verified_since; /* when they were last all dropped, on ikv_clock */
    int64_t changed[2];              /* when the file was last changed: it was opened so */
    atomic_bool is_changed;          /* since then */

    atomic_uint present;        /* answers in a row that a page is resident, up to some */
    atomic_uint absent;         /* answers in a row that a page is not resident */
    _Atomic int64_t distrust;   /* waits for the disk lately, in touches; see ikv_map_faulted */
    _Atomic uint64_t asked;     /* system calls made to ask */
    _Atomic uint64_t forgotten; /* times that all belief was given up */
};

struct stat;

/* Map a file that is open for reading, and that fstat told this of. -errno. */
int ikv_map_new(int fd, const struct stat *st, bool believes_all, struct ikv_map **ret);
void ikv_map_free(struct ikv_map *map); /* NULL is allowed */

/* How much of the mapping may be touched now: the file's size, if it was not cut since. One system
 * call. Also drops what is known of verified pages, if that is old or the file was written to. */
uint64_t ikv_map_present(struct ikv_map *map);
/* The same of a map that may be NULL, in *ret_present. Returns the map, or NULL if it must not be
 * used: bytes that a truncated file lacks are reported by reading them, unless nothing but the
 * mapping may be used. */
struct ikv_map *ikv_map_usable(struct ikv_map *map, uint64_t *ret_present);

/*
 * Pages of the index that were verified need not be again for some seconds. A copy of our own, once
 * verified, stays so; but what the page cache has today it may have read anew tomorrow. So all
 * pages are verified again after 10 seconds, and as soon as belief is given up; and if the file's
 * time of change says that somebody has written to it, each time.
 *
 * Without memory nothing is noted.
 */
void ikv_map_note_pages(struct ikv_map *map, uint64_t index_pages);

static inline bool ikv_map_is_verified(const struct ikv_map *map, uint64_t index_page)
{
    return map->verified &&
           (atomic_load_explicit(&map->verified[index_page / 64], memory_order_relaxed) >>
                (index_page % 64) &
            1);
}

static inline void ikv_map_set_verified(struct ikv_map *map, uint64_t index_page)
{
    const uint64_t bit = (uint64_t)1 << (index_page % 64);

    if (!map->verified)
        return;
    atomic_fetch_or(&map->verified[index_page / 64], bit);
    if (atomic_load(&map->is_changed)) /* and all bits were dropped, perhaps just before */
        atomic_fetch_and(&map->verified[index_page / 64], ~bit);
}
/* All are to be verified again. */
void ikv_map_drop_verified(struct ikv_map *map);

/* The pages from one to another one, both included. */
static inline bool ikv_map_believes_pages(const struct ikv_map *map, uint64_t first, uint64_t last)
{
    for (uint64_t page = first; page <= last; page++) {
        const uint64_t word = atomic_load_explicit(&map->resident[page / 64], memory_order_relaxed);
        if (!(word >> (page % 64) & 1))
            return false;
    }
    return true;
}

/* Whether all of a range, which lies inside the file and is not empty, is believed to be resident.
 * Never waits. */
static inline bool ikv_map_believes(const struct ikv_map *map, uint64_t offset, uint64_t size)
{
    return map->believes_all ||
           ikv_map_believes_pages(map, offset >> map->shift, (offset + size - 1) >> map->shift);
}

/* Whether all of the file is believed to be resident. */
static inline bool ikv_map_believes_whole(const struct ikv_map *map)
{
    return map->believes_all ||
           atomic_load_explicit(&map->full, memory_order_relaxed) == map->words;
}

/* ikv_map_believes, but ask the kernel about pages that are not believed to be. While nothing turns
 * out to be resident it asks ever less often. */
bool ikv_map_ask(struct ikv_map *map, uint64_t offset, uint64_t size);

/* What `faults` times of waiting for a disk, in `touches` touches of the mapping, say about what is
 * believed: nothing, if they are few and far between; else it is all given up. */
void ikv_map_faulted(struct ikv_map *map, uint64_t faults, uint64_t touches);

/* Ask about every page of the file. */
void ikv_map_prime(struct ikv_map *map);
/* Take a range that was just read in for resident, on systems that report nothing. */
void ikv_map_assume(struct ikv_map *map, uint64_t offset, uint64_t size);
/* Read a range of the file into memory, in huge pages where the system has them for files; with
 * `lock` it stays there until the map is freed. -errno. */
int ikv_map_preload(struct ikv_map *map, uint64_t offset, uint64_t size, bool lock);
/* Pages that are believed to be resident. */
uint64_t ikv_map_count(const struct ikv_map *map);

#endif
