/*
 * The mapping of a store's file, and which of its pages are resident (in the page cache).
 *
 * Lookups touch the mapping only where pages are resident; everything else is read through a
 * backend. So no lookup waits for a page fault, and a read error is an error and not a signal.
 *
 * A residency hint is one bit per page. It is set when the kernel says that the page is resident,
 * and the page was entered into the page table (populate.h), and dropped when page faults show that
 * hints are wrong. A wrong hint costs time, nothing else. (A finished read does not set it: the
 * page may be gone again before it is wanted next.)
 *
 * With IKV_BACKEND_MMAP all pages are assumed to be resident: the caller wants the mapping used.
 */
#ifndef IKV_MAP_H
#define IKV_MAP_H

#include "core/platform/platform.h"
#include "mmap/populate.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Words of the bitmap of hints that are entered together in the background: 2 MiB of a file in 4
 * KiB pages. */
#define IKV_MAP_BLOCK_WORDS 8

struct ikv_map {
    /* Set when the file is mapped. */
    const unsigned char *bytes;
    uint64_t size; /* of the file at that time */
    int fd;
    bool assume_resident; /* all pages, without hints */
    bool can_query;       /* the kernel reports residency to this process */
    unsigned shift;       /* a page is 1 << shift bytes */
    uint64_t copied;      /* bytes that are memory of the process, not of the page cache */

    /* Residency hints, a bit for each page */
    uint64_t words;
    _Atomic uint64_t *resident;
    _Atomic uint64_t *seen_once; /* found resident once, without all the pages of their word */
    _Atomic uint64_t full_words; /* the first words of `resident` whose bits are all set */

    /* Index pages whose checksums were verified, a bit for each; NULL: not tracked */
    _Atomic uint64_t *verified;
    uint64_t verified_words;
    _Atomic uint64_t verified_since; /* ikv_clock when the bits were last cleared */
    int64_t ctime[2];                /* of the file when it was opened */
    atomic_bool is_modified;         /* its ctime has changed since */

    /* Entering pages in the background */
    struct ikv_background background;
    atomic_bool no_background; /* a small file, or no thread could be started */
    atomic_uint vain;          /* consecutive blocks that could not be entered as a whole */
    _Atomic uint64_t entered;  /* pages entered by the thread */

    /* Written often; not beside what every lookup reads */
    _Atomic uint64_t visits_since; /* ikv_clock when `visits` began to be counted */
    atomic_uint visits;            /* resident pages without hints, visited since then */
    atomic_uint absent_streak;     /* consecutive pages found not resident */
    _Atomic uint64_t busy_until;   /* ikv_clock until which such visits are frequent */
    _Atomic int64_t fault_debt;    /* recent page faults, in touches; see ikv_map_report_faults */
    _Atomic uint64_t queries;      /* system calls that queried residency */
    _Atomic uint64_t drops;        /* times that all hints were dropped */
};

struct stat;

/* Map a file that is open for reading, and that fstat describes as *st. -errno */
int ikv_map_new(int fd, const struct stat *st, bool assume_resident, struct ikv_map **ret);
void ikv_map_free(struct ikv_map *map); /* NULL is allowed */

/* Bytes of the mapping that may be touched now: the file's size, unless the file was truncated. One
 * system call. Also clears the verified bits when they are old or the file was modified. */
uint64_t ikv_map_check_size(struct ikv_map *map);
/* The same for a map that may be NULL, in *ret_size. Returns the map, or NULL if it must not be
 * used: a truncated file is read instead, so that missing bytes are errors, unless all pages are
 * assumed to be resident. */
struct ikv_map *ikv_map_usable(struct ikv_map *map, uint64_t *ret_size);

/*
 * Verified index pages. A page of the mapping that was verified may be dropped from the page cache
 * and read again, so it counts as verified for 10 seconds at most, until hints are dropped, and not
 * at all once the file was modified (ctime).
 */

/* Begin to track them. Without memory they are not tracked. */
void ikv_map_track_verified(struct ikv_map *map, uint64_t index_pages);

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
    if (atomic_load(&map->is_modified)) /* and the bits were cleared, perhaps just before */
        atomic_fetch_and(&map->verified[index_page / 64], ~bit);
}
void ikv_map_clear_verified(struct ikv_map *map);

/* Whether the hints of pages [first, last] are all set. */
static inline bool ikv_map_has_hints(const struct ikv_map *map, uint64_t first, uint64_t last)
{
    for (uint64_t page = first; page <= last; page++) {
        const uint64_t word = atomic_load_explicit(&map->resident[page / 64], memory_order_relaxed);
        if (!(word >> (page % 64) & 1))
            return false;
    }
    return true;
}

/* Whether a range is resident according to the hints. The range is inside the file and not empty.
 * No system call. */
static inline bool ikv_map_is_resident(const struct ikv_map *map, uint64_t offset, uint64_t size)
{
    return map->assume_resident ||
           ikv_map_has_hints(map, offset >> map->shift, (offset + size - 1) >> map->shift);
}

/* Whether the whole file is resident according to the hints. */
static inline bool ikv_map_is_all_resident(const struct ikv_map *map)
{
    return map->assume_resident ||
           atomic_load_explicit(&map->full_words, memory_order_relaxed) == map->words;
}

/* Whether a range is resident, querying the kernel about pages without a hint. While no page turns
 * out to be resident, queries become rare. */
bool ikv_map_query(struct ikv_map *map, uint64_t offset, uint64_t size);

/* Report `faults` major page faults in `touches` touches of the mapping. Drops all hints if faults
 * are frequent. */
void ikv_map_report_faults(struct ikv_map *map, uint64_t faults, uint64_t touches);

/* Query every page of the file. */
void ikv_map_prime(struct ikv_map *map);
/* Query a block of IKV_MAP_BLOCK_WORDS words. Where all pages of a word are resident, enter them
 * into the page table and set their hints. Ends early when *stop is set. `user` is the map; see
 * ikv_background. */
void ikv_map_enter(void *user, uint64_t block, const atomic_bool *stop);
/* Bytes that the background thread has entered, and that wait for it. */
uint64_t ikv_map_count_entered(const struct ikv_map *map);
uint64_t ikv_map_count_entering(const struct ikv_map *map);
/* Set the hints of a range that was just read, for systems that can't be queried. */
void ikv_map_assume_range(struct ikv_map *map, uint64_t offset, uint64_t size);
/* Read a range of the file into the page cache, into huge pages where the system has them for
 * files: what is there in small pages is dropped and read again. -errno */
#define IKV_MAP_LOCK 1u /* keep it in memory until the map is freed */
#define IKV_MAP_COPY 2u /* copy it into memory of the process, in huge pages, instead */
int ikv_map_preload(struct ikv_map *map, uint64_t offset, uint64_t size, unsigned how);
/* Number of pages that are resident according to the hints. */
uint64_t ikv_map_count_resident(const struct ikv_map *map);

#endif
