/*
 * indexkv - an immutable on-disk key-value store for fixed-width keys, and batch lookups in it
 *
 * The whole public API. From simple to advanced:
 *
 *   1. versions, errors            ikv_version, ikv_strerror, ikv_error
 *   2. keys                        ikv_key_type, ikv_key_parse, ikv_key_format
 *   3. opening a store             ikv_open, ikv_close, ikv_store_info
 *   4. looking up                  ikv_result, ikv_get, ikv_get_many
 *   5. engines, batches that       ikv_engine_new, ikv_submit, ikv_wait, ikv_cancel,
 *      complete by themselves      ikv_completions_new/fd/next
 *   6. scanning                    ikv_scan_open, ikv_scan_next, ikv_scan_close
 *   7. writing                     ikv_writer_new/add/finish/abort, ikv_build
 *   8. checking                    ikv_verify
 *
 * Conventions that hold everywhere:
 *
 * - Functions that can fail return 0 or a negative code: either one of the IKV_E_* codes below or a
 *   negated errno value (-EIO, -ENOMEM, -ENOENT, ...). The two ranges do not overlap.
 * - `ikv_error *err` may be NULL. It is written only on failure, except where noted.
 * - Out-parameters named `ret_*` are left untouched on failure.
 * - Options structs begin with `size`. Initialise them with their _INIT macro; all other fields
 *   may be left zero, and zero is the documented default. A NULL options pointer means all defaults
 *   (where a field is mandatory, that is said). A struct larger than the library knows is accepted
 *   only if what the library does not know is zero.
 * - Keys go in and come out in host byte order as an array of the key's own type (uint32_t,
 *   unsigned __int128, char[20], ...); keys[i] lies at (const char *)keys + i * width. No alignment
 *   is required.
 * - Sizes and offsets are in bytes.
 * - The library never prints, exits, aborts, or changes signals, the umask or the locale.
 *
 * Threads: an ikv_store, an ikv_engine and an ikv_completions may be used by any number of threads
 * at once. An ikv_result, an ikv_scan and an ikv_writer belong to one thread at a time; different
 * ones are independent of each other.
 *
 * Fork: the child may go on with stores, engines and results that its parent had; it gets threads
 * and rings of its own when it first needs them. (Until it ends or execs it also holds a descriptor
 * of each ring that its parent had.) It must not use what the parent was using in other threads at
 * that moment: results that were busy, scans, writers; nor its parent's ikv_completions. The parent
 * notices nothing.
 */
#ifndef INDEXKV_H
#define INDEXKV_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define IKV_API       __attribute__((visibility("default")))
#define IKV_NODISCARD __attribute__((warn_unused_result))
#else
#define IKV_API
#define IKV_NODISCARD
#endif

/* ------------------------------------------------------------------ 1. versions and errors --- */

#define IKV_VERSION_MAJOR  0
#define IKV_VERSION_MINOR  1
#define IKV_VERSION_PATCH  0
#define IKV_VERSION_STRING "0.1.0"
#define IKV_VERSION_NUMBER (IKV_VERSION_MAJOR * 10000 + IKV_VERSION_MINOR * 100 + IKV_VERSION_PATCH)

/* The version of the library that is linked, as IKV_VERSION_NUMBER counts it. */
IKV_API int ikv_version_number(void);
/* The same as text, for instance "0.1.0". Static storage. */
IKV_API const char *ikv_version(void);

/* Error codes. Their values never change; -1000 and above is left to errno. */
enum {
    IKV_OK = 0,
    IKV_E_INVALID = -1001,     /* an argument or option is out of its range */
    IKV_E_NOT_FOUND = -1002,   /* ikv_get: no such key */
    IKV_E_END = -1003,         /* ikv_scan_next: no more items */
    IKV_E_CANCELED = -1004,    /* a callback, ikv_cancel or the closing of an engine ended it */
    IKV_E_STATE = -1005,       /* not now: busy, nothing to wait for, or from a callback */
    IKV_E_UNSUPPORTED = -1006, /* valid, but this build or this file can't do it */

    IKV_E_KEY_SYNTAX = -1101,      /* text that is not a key of this type */
    IKV_E_KEY_RANGE = -1102,       /* a number outside the key type's range */
    IKV_E_DUPLICATE = -1103,       /* the key was added before (policy: error) */
    IKV_E_VALUE_TOO_LARGE = -1104, /* value above IKV_VALUE_SIZE_MAX (plain: 2^32 - 1) */
    IKV_E_VALUE_SIZE = -1105,      /* ikv_get: not of ikv_get_options.value_size bytes */

    IKV_E_NOT_STORE = -1201,         /* the file does not look like a store at all */
    IKV_E_VERSION = -1202,           /* a store of a format version this library does not know */
    IKV_E_INCOMPLETE = -1203,        /* its writing was never finished */
    IKV_E_TRUNCATED = -1204,         /* the file ends before what it says it holds */
    IKV_E_NOT_REGULAR = -1205,       /* a directory, device, FIFO, ... */
    IKV_E_KEY_TYPE_MISSING = -1206,  /* a plain v2 file does not record it: say it when opening */
    IKV_E_KEY_TYPE_MISMATCH = -1207, /* not a store of the key type that was asked for */
    IKV_E_STRIDE = -1208,            /* 24 or 32 bytes an entry can't be told apart: say it */

    IKV_E_HEADER = -1301,  /* damaged header */
    IKV_E_FOOTER = -1302,  /* damaged or missing footer */
    IKV_E_SECTION = -1303, /* damaged section of the trailer */
    IKV_E_INDEX = -1304,   /* damaged index page or entry */
    IKV_E_RECORD = -1305,  /* damaged record */
    IKV_E_PADDING = -1306, /* bytes that must be zero are not (ikv_verify) */

    IKV_E_DURABILITY = -1401 /* the store is in place, but the directory could not be synced:
                                after a power loss the path may name the old file again */
};

/* What a code means, in one short English phrase. Static storage, never NULL, any code is allowed.
 */
IKV_API const char *ikv_strerror(int code);

typedef uint32_t ikv_key_type; /* see section 2 */

#define IKV_KEY_WIDTH_MAX 128
#define IKV_NO_OFFSET     UINT64_MAX

/*
 * What went wrong, and where. Plain data owned by the caller: copy it, drop it, no clean-up.
 */
typedef struct ikv_error {
    int code;                             /* what the function returned */
    ikv_key_type key_type;                /* type of `key`; 0: no key is involved */
    uint64_t offset;                      /* byte offset in `file`; IKV_NO_OFFSET: none */
    unsigned char key[IKV_KEY_WIDTH_MAX]; /* host byte order */
    char file[256];    /* path as it was given, cut at the front ("...") if longer; "": none */
    char message[512]; /* one line of text, complete by itself (names file, offset and key) */
} ikv_error;

/* ------------------------------------------------------------------ 2. keys --- */

/*
 * A key type is a small number: IKV_KEY_U8 ... IKV_KEY_I128, or IKV_KEY_BYTES(n) with n from 1 to
 * 128 for byte strings of exactly n bytes. Unsigned and signed integers are ordered as numbers,
 * byte strings as memcmp orders them. 0 is no type ("not said").
 */
enum { IKV_KEY_NONE = 0 };
#define IKV_KEY_UNSIGNED_(width) ((ikv_key_type)(0x100u | (width)))
#define IKV_KEY_SIGNED_(width)   ((ikv_key_type)(0x200u | (width)))
#define IKV_KEY_U8               IKV_KEY_UNSIGNED_(1u)
#define IKV_KEY_U16              IKV_KEY_UNSIGNED_(2u)
#define IKV_KEY_U32              IKV_KEY_UNSIGNED_(4u)
#define IKV_KEY_U64              IKV_KEY_UNSIGNED_(8u)
#define IKV_KEY_U128             IKV_KEY_UNSIGNED_(16u)
#define IKV_KEY_I8               IKV_KEY_SIGNED_(1u)
#define IKV_KEY_I16              IKV_KEY_SIGNED_(2u)
#define IKV_KEY_I32              IKV_KEY_SIGNED_(4u)
#define IKV_KEY_I64              IKV_KEY_SIGNED_(8u)
#define IKV_KEY_I128             IKV_KEY_SIGNED_(16u)
#define IKV_KEY_BYTES(n)         ((ikv_key_type)(0x300u | (uint32_t)(n)))

/* Width of a key in bytes, 1..128; 0 if `type` is not a key type. */
IKV_API size_t ikv_key_width(ikv_key_type type);

/*
 * Names: "u8" "u16" "u32" "u64" "u128" "i8" ... "i128" "bytes1" ... "bytes128".
 * ikv_key_type_parse fails with IKV_E_INVALID. ikv_key_type_name writes at most `size` bytes,
 * always terminated if size > 0 (16 are enough for every name), and returns `buf`; an invalid type
 * gives "?".
 */
IKV_API IKV_NODISCARD int ikv_key_type_parse(const char *name, ikv_key_type *ret_type);
IKV_API const char *ikv_key_type_name(ikv_key_type type, char *buf, size_t size);

/* Order of two keys: negative, 0 or positive. `type` must be valid. */
IKV_API int ikv_key_compare(ikv_key_type type, const void *a, const void *b);

/*
 * Text forms of a key.
 *   AUTO  parse: decimal with an optional sign, or 0x and hex digits; dotted IPv4 for u32 and IPv6
 *         text for u128 if the text looks like it; hex digits for byte strings (0x allowed).
 *         format: decimal for integers, hex digits for byte strings.
 *   DEC   integers only: decimal with an optional sign.
 *   HEX   integers: hex digits, 0x optional when parsing, and a sign in front; formatted as 0x and
 *         2 * width digits (a negative number as -0x and its magnitude).
 *         Byte strings: exactly 2 * width hex digits, the first byte first.
 *   IP    u32: dotted IPv4, the first part being the most significant byte. u128: IPv6 text.
 */
typedef enum ikv_key_syntax {
    IKV_SYNTAX_AUTO = 0,
    IKV_SYNTAX_DEC = 1,
    IKV_SYNTAX_HEX = 2,
    IKV_SYNTAX_IP = 3
} ikv_key_syntax;

/* Enough room for any formatted key with its terminator. */
#define IKV_KEY_TEXT_MAX 264

/*
 * Parse text[0..len) into *ret_key (width bytes, host byte order). No white space is skipped.
 * Errors: IKV_E_KEY_SYNTAX, IKV_E_KEY_RANGE (a well-formed number that does not fit),
 * IKV_E_INVALID (no such type, or a syntax that the type does not have).
 */
IKV_API IKV_NODISCARD int ikv_key_parse(ikv_key_type type, ikv_key_syntax syntax, const char *text,
                                        size_t len, void *ret_key);

/*
 * Write the key as text, terminated. Returns the length without the terminator, or IKV_E_INVALID
 * (no such type, a syntax that the type does not have, or `size` too small).
 */
IKV_API int ikv_key_format(ikv_key_type type, ikv_key_syntax syntax, const void *key, char *buf,
                           size_t size);

/* ------------------------------------------------------------------ 3. opening a store --- */

typedef struct ikv_store ikv_store;
typedef struct ikv_engine ikv_engine; /* see section 5 */

/*
 * How lookups read. What was used is told by ikv_stats; a backend that was asked for by name is
 * never replaced by another. Opening, scans in storage order and ikv_verify always read with pread.
 * Each of an engine's workers but the first takes a descriptor of its own for the file, up to 15 a
 * store, if it can be had: a shared one is slower.
 *
 * - AUTO: what is in the page cache is taken from there, through a mapping of the file; the rest is
 *   read with uring, where it can be had, and otherwise with pread. Where uring was refused,
 *   ikv_stats.fallback says why.
 * - PREAD: one read after another.
 * - URING: io_uring, up to 256 reads in flight for each of the engine's workers; by far the fastest
 *   where a device has to be waited for. If it can't be had, opening fails with IKV_E_UNSUPPORTED
 *   (not built in) or with the errno that says why; and so does a lookup, if the worker can't have
 *   a ring of its own.
 * - MMAP: everything is taken through the mapping: a page that is not in memory is waited for where
 *   it is touched, and one that can't be read from the disk ends the process (SIGBUS). For files
 *   that are known to stay in memory (tmpfs, or see IKV_OPEN_LOCK).
 *
 * The mapping (AUTO, MMAP): before each batch it is made sure that the file is as long as it was
 * (in a loop of single keys, every few microseconds): what was cut off a file is told by an error,
 * as with all backends. What no program can exclude is that another one cuts the file between that
 * and the touch, or, with AUTO, that the kernel drops a page just then that the disk can't give
 * back any more: then the process gets SIGBUS. Files that others may truncate while they are open
 * are better opened with IKV_OPEN_NO_MAP. (Replacing a file by rename, as writers of this library
 * do, is always safe.) A page of the index that was found intact is not verified again for 10
 * seconds, unless the file was written to: a page that the disk gives back otherwise within that
 * time can hide a key. The mapping takes address space, and a bit of memory for each page of the
 * file.
 */
typedef enum ikv_backend {
    IKV_BACKEND_AUTO = 0,
    IKV_BACKEND_PREAD = 1,
    IKV_BACKEND_URING = 2,
    IKV_BACKEND_MMAP = 3
} ikv_backend;

/* Lookups bypass the page cache (O_DIRECT); there is no mapping then. Opening fails where the file
 * system can't do that. */
#define IKV_OPEN_DIRECT 1u
/* With AUTO: do without the mapping. */
#define IKV_OPEN_NO_MAP 2u
/* With AUTO: ask the kernel about all pages now (50 ns each), instead of page by page as lookups
 * come to them. */
#define IKV_OPEN_PRIME 4u
/* With AUTO or MMAP: read the index, or all of the file, into memory now; where the kernel has huge
 * pages for files, into these, which makes lookups faster by a third. (What is in the page cache
 * already stays in the pages that it has.) */
#define IKV_OPEN_PRELOAD_INDEX 8u
#define IKV_OPEN_PRELOAD       16u
/* And keep it there, with mlock; opening fails if RLIMIT_MEMLOCK does not allow it. */
#define IKV_OPEN_LOCK 32u

typedef struct ikv_open_options {
    size_t size;
    ikv_key_type key_type; /* plain v2: mandatory. Ours: 0, or the type it must have */
    uint32_t stride;       /* plain v2 with 128-bit keys: 24 or 32; 0: find out from the file */
    uint64_t index_memory; /* most bytes for what is kept of the index in memory; 0: 64 MiB; 1: keep
                              nothing. Fences and page checksums come first: with all of them a
                              lookup takes one read of the index and one of the record, with fewer
                              it takes more. (Plain v2 files have no fences: they are learned from
                              what lookups read.) Then a tree of the fences, for lookups in memory,
                              9 bytes a page, and 33 more for what these learn. What is left holds
                              pages of the index that were read: with room for all of them lookups
                              come to one read a key. */
    ikv_backend backend;
    uint32_t flags;     /* IKV_OPEN_* */
    ikv_engine *engine; /* that runs the lookups; NULL: one of the store's own with default options,
                           whose threads are started by the first batch that needs them */
} ikv_open_options;
#define IKV_OPEN_OPTIONS_INIT                                                                      \
    {                                                                                              \
        .size = sizeof(ikv_open_options)                                                           \
    }

/*
 * Open a store for reading. Plain v2 files, as the Rust crate writes them, and our own are told
 * apart from the file itself. Costs a fixed number of reads plus the sections that are loaded,
 * never a pass over the file. The file is read through its own descriptor: replacing the path later
 * does not disturb an open store; changing the file in place is not supported and is found out
 * where checksums or sizes show it.
 *
 * Errors: every IKV_E_* code from -1201 to -1303, IKV_E_INVALID, IKV_E_UNSUPPORTED (a section that
 * must be understood and is not; a backend that is not built in), -errno.
 * The store is the caller's, to be closed with ikv_close.
 */
IKV_API IKV_NODISCARD int ikv_open(const char *path, const ikv_open_options *options,
                                   ikv_store **ret_store, ikv_error *err);

/* Close. NULL is allowed. No call on the store may be running; batches that were submitted are
 * canceled, and waited for. No result or scan made from it may be used afterwards except to be
 * freed or closed (results remain readable). */
IKV_API void ikv_close(ikv_store *store);

typedef struct ikv_info {
    ikv_key_type key_type;
    uint32_t key_width;
    uint32_t stride;    /* bytes an index entry takes in the file */
    uint32_t page_size; /* slice of the index that is read at once */
    int has_trailer;    /* 1: ours, with checksums; 0: plain v2 */
    int in_key_order;   /* 1: records lie in the file in key order; plain v2: 0 (unknown) */
    uint64_t file_size;
    uint64_t pair_count;
    uint64_t records_end; /* offset of the first byte after the last record */
    uint64_t index_start;
    uint64_t index_size;
    uint64_t index_pages;
    unsigned char store_id[16]; /* zero in plain v2 */
    /* The next four are zero in plain v2, and when the store is empty. Sizes as the caller gave
     * them. */
    uint32_t value_size_min;
    uint32_t value_size_max;
    uint32_t value_size_p99; /* at least 99 % of the values are this small */
    uint64_t value_bytes;    /* sum of all value sizes */
    const void *metadata;    /* what the builder attached; belongs to the store; NULL: nothing */
    size_t metadata_size;
    uint64_t fences;           /* fences held in memory now */
    uint64_t cached_pages;     /* index pages held in memory now */
    uint64_t max_cached_pages; /* the most that there is room for */
    uint64_t index_memory;     /* bytes held in memory for the index now */
    uint64_t open_reads;       /* what opening cost */
    uint64_t open_bytes;
    const char *backend; /* how lookups read: "auto", "pread", "uring", "mmap" */
    int direct;          /* 1: with O_DIRECT */
    int locked;          /* 1: IKV_OPEN_LOCK */
    uint64_t mapped;     /* bytes of the file that are mapped; 0: there is no mapping */
    uint64_t resident; /* bytes among them that lookups believe to be in memory (not for "mmap") */
} ikv_info;

/* Facts about an open store. Never fails. */
IKV_API void ikv_store_info(const ikv_store *store, ikv_info *ret_info);

/* ------------------------------------------------------------------ 4. looking up --- */

typedef enum ikv_match {
    IKV_EXACT = 0,
    IKV_FLOOR = 1,  /* the greatest key <= the one asked for */
    IKV_CEILING = 2 /* the least key >= the one asked for */
} ikv_match;

typedef enum ikv_status {
    IKV_FOUND = 0,
    IKV_MISSING = 1,
    IKV_CORRUPT = 2,    /* the bytes that decide about this key are damaged */
    IKV_UNREADABLE = 3, /* they could not be read (I/O error, file truncated); see ikv_get_many */
    IKV_OTHER_SIZE = 4  /* found, but not of ikv_get_options.value_size bytes: not copied */
} ikv_status;

/* One answer. The pointers are valid until the result is used again, cleared or freed; with
 * IKV_EXACT `key` points into the caller's own array of keys. */
typedef struct ikv_item {
    const void *value; /* `size` bytes, aligned to 8; never NULL if found (but see
                          ikv_get_options.on_value and IKV_GET_IN_PLACE), NULL otherwise */
    const void *key;   /* the key that matched, host byte order; NULL unless a key matched */
    uint32_t size;
    int32_t status; /* an ikv_status */
} ikv_item;

#define IKV_LEVELS_MAX 64

typedef struct ikv_level_stats {
    uint64_t probes; /* index pages that the search asked for */
    uint64_t reads;  /* reads that fetched them (neighbours are read together) */
    uint64_t bytes;
} ikv_level_stats;

/* What a call did. May grow with a later soname. */
typedef struct ikv_stats {
    uint64_t keys;     /* keys asked for */
    uint64_t distinct; /* different keys among them; those that were answered from the mapping
                          alone count as different */
    uint64_t found;    /* the next four count keys, and sum up to `keys` */
    uint64_t missing;
    uint64_t corrupt;
    uint64_t unreadable;
    uint64_t probes;      /* index pages (or entries) asked for, all levels */
    uint64_t cached;      /* probes among them answered by a page held in memory */
    uint64_t mapped;      /* probes and records taken from the mapping of the file */
    uint64_t index_reads; /* reads of the index (including page checksums not held in memory) */
    uint64_t index_bytes;
    uint64_t records;      /* records fetched (a record asked for twice in a batch counts once) */
    uint64_t record_reads; /* reads of records */
    uint64_t record_bytes;
    uint64_t merged;       /* probes and records that shared a read with a neighbour */
    uint64_t retries;      /* reads repeated for the rest after a short read or an interruption */
    uint64_t system_calls; /* made for these reads; those that served several batches at once are
                              told to one of them */
    uint32_t shards;       /* pieces that the batch was cut into, each run by one thread */
    uint32_t levels;       /* entries of `level` in use */
    ikv_level_stats level[IKV_LEVELS_MAX]; /* by depth of the search, the first probe being 0 */
    const char *backend;    /* where the bytes came from: "pread", "uring", "mmap", several of them
                               ("mmap+uring"), or "none"; static storage */
    uint32_t ring_features; /* of the rings used, see ikv_ring_features_text */
    int fallback;           /* why IKV_BACKEND_AUTO could not use uring: a code; 0: it could */
    uint64_t major_faults;  /* times that touching the mapping had to wait for the disk */
} ikv_stats;

/* Add the counters of `one` to `total` (both valid; zero-initialise a new total). */
IKV_API void ikv_stats_add(ikv_stats *total, const ikv_stats *one);

/* The features in a set of ring_features as text, for instance "defer_taskrun single_issuer files";
 * at most `size` bytes, always terminated if size > 0. Returns `buf`. */
IKV_API const char *ikv_ring_features_text(uint32_t features, char *buf, size_t size);

/*
 * How long reads took, from being submitted to being worked on: a histogram whose buckets are 12 %
 * wide. Collected with IKV_GET_LATENCY.
 */
#define IKV_LATENCY_BUCKETS 320

typedef struct ikv_latency {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t min_ns;
    uint64_t max_ns;
    uint64_t bucket[IKV_LATENCY_BUCKETS];
} ikv_latency;

/* Add one duration; add all of `one` to `total` (a new one is all zero). */
IKV_API void ikv_latency_record(ikv_latency *latency, uint64_t nanoseconds);
IKV_API void ikv_latency_add(ikv_latency *total, const ikv_latency *one);
/* Nanoseconds within which `share` (0..1) of the reads were done, by nearest rank: the end of its
 * bucket, but within min_ns and max_ns; 0 if there were none. */
IKV_API uint64_t ikv_latency_percentile(const ikv_latency *latency, double share);

/*
 * A result holds the answers of one call and the scratch memory to find them. Reuse it: memory is
 * kept, so that a call like an earlier one allocates nothing. It belongs to one thread at a time
 * and may be used with any store. Its memory is bounded by the largest batch it saw: the values,
 * 170 bytes a key (keys of 8 bytes; about 4 * width more for wide ones), 20 KiB for each shard
 * (with plain v2 files, while fences are learned, up to 84 KiB), and 160 KiB of read buffers if
 * batches ran on the calling thread.
 *
 * A result is busy from ikv_submit until its batch is done. A busy one may be waited for, canceled
 * and, unless a callback or a queue of completions is going to be handed it, freed (which does
 * both); its answers must not be asked for.
 */
typedef struct ikv_result ikv_result;

IKV_API IKV_NODISCARD int ikv_result_new(ikv_result **ret_result);
/* Drop the answers and give most memory back. Does nothing to a busy result. */
IKV_API void ikv_result_clear(ikv_result *result);
IKV_API void ikv_result_free(ikv_result *result); /* NULL is allowed */
/* The answers: item i answers key i. Valid until the result is used again. */
IKV_API const ikv_item *ikv_result_items(const ikv_result *result);
IKV_API size_t ikv_result_count(const ikv_result *result);
/* What the last call did. Valid until the result is used again. */
IKV_API const ikv_stats *ikv_result_stats(const ikv_result *result);
/* The first damage or read error that the last call met; NULL: none. */
IKV_API const ikv_error *ikv_result_problem(const ikv_result *result);
/* What the last call returned, or the last batch that was submitted. */
IKV_API int ikv_result_code(const ikv_result *result);
/* How long the last call's reads of the index took, by level of the search, and with
 * IKV_LATENCY_RECORDS its reads of records; NULL: none, or IKV_GET_LATENCY was not asked for. */
#define IKV_LATENCY_RECORDS UINT32_MAX
IKV_API const ikv_latency *ikv_result_latency(const ikv_result *result, uint32_t level);

/*
 * What one probe of the search reads.
 * - PAGE: an index page; fences and cached pages are used.
 * - ENTRY: a single entry, and nothing that was kept in memory is used: the way of the Rust crate.
 *   For measuring what probes cost. The absence of a key is then not verified by a checksum.
 */
typedef enum ikv_probe { IKV_PROBE_PAGE = 0, IKV_PROBE_ENTRY = 1 } ikv_probe;

/* For measuring: a level of the search begins when the one above it has ended, and records are read
 * when the search has. */
#define IKV_GET_BARRIER 1u
/* Measure how long reads take, see ikv_result_latency. Costs about 50 ns a read. */
#define IKV_GET_LATENCY 2u
/* Do not copy values that can be had from the mapping: item.value points into it. Such a value
 * stays in place, whatever becomes of the result, until the store is closed; it is not aligned; and
 * who touches it after the file was cut short, or after the page was dropped from memory, has the
 * risks of IKV_BACKEND_MMAP. Its checksum was verified when it was looked up. Values that were read
 * in another way are in the result as usual. Not together with `values` or `on_value`. */
#define IKV_GET_IN_PLACE 4u

/*
 * Called with an answer as soon as it is there; `index` is the key's number in the batch. Calls for
 * one batch come in any order, and from several threads at once. item->value is valid until the
 * function returns, and not aligned. Not 0 cancels the batch. It must not call functions of the
 * library that wait.
 */
typedef int (*ikv_value_fn)(void *user, size_t index, const ikv_item *item);

typedef struct ikv_get_options {
    size_t size;
    ikv_match match;
    ikv_probe probe;
    uint32_t flags; /* IKV_GET_* */

    /* Where values go. By default into memory of the result's. */
    uint32_t value_size;   /* with `values`: bytes of each value, > 0 */
    void *values;          /* the caller's, count * value_size bytes: value i is copied to place i.
                              Places of keys that are not found keep what they held, unless the call
                              fails. NULL: not this way */
    ikv_value_fn on_value; /* streaming: every found value is handed to it and not kept, so that a
                          batch takes little memory whatever its values take; items then have
                          value NULL. Not together with `values`. NULL: not this way */
    void *user;            /* for on_value */
} ikv_get_options;
#define IKV_GET_OPTIONS_INIT                                                                       \
    {                                                                                              \
        .size = sizeof(ikv_get_options)                                                            \
    }

/*
 * Look up `count` keys, given in any order, repeats allowed. Item i of the result answers keys[i]
 * and has a status of its own: a damaged or unreadable record fails no other key. Repeated keys
 * may share one value. count 0 gives an empty result; in an empty store every key is missing. If a
 * crate's file holds a key twice, one of its records is returned.
 *
 * `keys` must stay in place while the result is in use if match is IKV_EXACT (item.key points
 * there).
 *
 * Keys that can be looked up in memory are, by the calling thread, if they are not very many. Of
 * the rest, or if they are, a batch of more than a few keys is cut into shards and run by the
 * workers of the store's engine, while the calling thread waits; if the engine's queue is full, it
 * waits for that, too.
 *
 * Returns 0 if every key got another status than IKV_UNREADABLE. Otherwise: IKV_E_INVALID, -ENOMEM,
 * IKV_E_CANCELED (options.on_value asked for it, or the engine was closed), IKV_E_STATE (the result
 * is busy; or a batch that needs the engine was given from one of its own callbacks), -EAGAIN (no
 * thread could be started, for IKV_BACKEND_URING), or what kept IKV_BACKEND_URING from having a
 * ring: then the result is empty. Or the code of the first failed read (-EIO, IKV_E_TRUNCATED,
 * ...): then the keys that needed it are IKV_UNREADABLE and all other items are as valid as after
 * success.
 */
IKV_API IKV_NODISCARD int ikv_get_many(ikv_store *store, const void *keys, size_t count,
                                       const ikv_get_options *options, ikv_result *result,
                                       ikv_error *err);

/*
 * Look up one key. As ikv_get_many with a count of 1, but the key's status is the return value: 0
 * found (the answer is item 0 of the result), IKV_E_NOT_FOUND, IKV_E_INDEX or IKV_E_RECORD
 * (damaged), or the error of a failed read.
 */
IKV_API IKV_NODISCARD int ikv_get(ikv_store *store, const void *key, const ikv_get_options *options,
                                  ikv_result *result, ikv_error *err);

/* ------------------------------------------------------------------ 5. engines --- */

/*
 * An engine owns the threads that look batches up, each with its own ring and read buffers. Any
 * number of stores and of calling threads share one. A batch is cut into shards, contiguous ranges
 * of its sorted keys; workers take shards in turn from all stores and, within a store, from all
 * batches, so a huge batch does not keep a small one waiting; and each keeps several shards in
 * flight in its ring, so many small batches fill it as well as a big one.
 */
typedef struct ikv_engine_options {
    size_t size;
    uint32_t threads;     /* workers, up to 1024; 0: as many as the process may use cores */
    uint32_t depth;       /* reads in flight of each worker with uring, up to 4096; 0: 256 */
    uint32_t max_batches; /* batches that may be waiting or running, 0: 1024 */
    uint32_t reserved;    /* 0 */
    uint64_t max_bytes_in_flight; /* most bytes being read at a time, all workers together; one read
                                 a worker is always allowed; counted for uring and pread each. 0: no
                                 limit but depth */
} ikv_engine_options;
#define IKV_ENGINE_OPTIONS_INIT                                                                    \
    {                                                                                              \
        .size = sizeof(ikv_engine_options)                                                         \
    }

/* Start an engine. Memory: about 36 KiB * depth a worker once it has a ring, 160 KiB once it uses
 * pread. Errors: IKV_E_INVALID, -ENOMEM, -EAGAIN (no more threads). */
IKV_API IKV_NODISCARD int ikv_engine_new(const ikv_engine_options *options, ikv_engine **ret_engine,
                                         ikv_error *err);

/*
 * Stop an engine: batches that are waiting or running end with IKV_E_CANCELED as soon as their
 * reads in flight are done, their callbacks are called, all threads end; then this returns. Calls
 * on its stores may still be running in other threads, which wait for them; they return
 * IKV_E_CANCELED, as all later ones do that would need the engine. Not from a callback of the
 * engine's own. NULL is allowed. A program that ends may leave its engines open.
 */
IKV_API void ikv_engine_close(ikv_engine *engine);

typedef struct ikv_engine_info {
    uint32_t threads; /* as they are in effect */
    uint32_t depth;
    uint32_t max_batches;
    uint32_t batches; /* waiting or running now */
    uint64_t max_bytes_in_flight;
} ikv_engine_info;
IKV_API void ikv_engine_get_info(ikv_engine *engine, ikv_engine_info *ret_info);

/* The engine that runs a store's lookups: the one it was opened with, or its own, which is not to
 * be closed. In the child of a fork NULL, if there is no memory for one. */
IKV_API ikv_engine *ikv_store_engine(const ikv_store *store);

/* Called on one of the engine's threads when a batch is done, `code` being what ikv_get_many would
 * have returned. The result is the caller's again: it may be read, submitted again (ikv_submit then
 * never waits) or freed here. It should not take long, since a worker waits for it, and must not
 * call functions of the library that wait. */
typedef void (*ikv_done_fn)(void *user, ikv_result *result, int code);

/* Done batches, in order of completion, and a file descriptor that says that there are some. */
typedef struct ikv_completions ikv_completions;

/* If the queue is full, return -EAGAIN instead of waiting. */
#define IKV_SUBMIT_NONBLOCK 1u

typedef struct ikv_submit_options {
    size_t size;
    /* How its end is made known. At most one of: */
    ikv_done_fn on_done;          /* a callback */
    ikv_completions *completions; /* a place in this queue; it is freed after the batch is done */
    /* or neither: then ikv_wait must be called. */
    void *user;     /* for on_done */
    uint32_t flags; /* IKV_SUBMIT_* */
} ikv_submit_options;
#define IKV_SUBMIT_OPTIONS_INIT                                                                    \
    {                                                                                              \
        .size = sizeof(ikv_submit_options)                                                         \
    }

/*
 * Look up many keys as ikv_get_many does, and return at once: the engine's workers do it. `keys`
 * and what the options point to must stay in place until the batch is done (`keys` with IKV_EXACT
 * as long as the result is in use), and so must the store.
 *
 * 0: the batch will complete, once, in the way that submit_options say (NULL: ikv_wait). Otherwise
 * nothing will: IKV_E_INVALID, -ENOMEM, IKV_E_STATE (the result is busy), -EAGAIN (see
 * IKV_SUBMIT_NONBLOCK; always from a callback), IKV_E_CANCELED (the engine is closed).
 */
IKV_API IKV_NODISCARD int ikv_submit(ikv_store *store, const void *keys, size_t count,
                                     const ikv_get_options *options,
                                     const ikv_submit_options *submit_options, ikv_result *result,
                                     ikv_error *err);

/* Wait until a batch is done that was submitted with neither callback nor completions; returns what
 * ikv_get_many would have. IKV_E_STATE: there is none. */
IKV_API IKV_NODISCARD int ikv_wait(ikv_result *result, ikv_error *err);

/* Ask for a submitted batch to end early. It completes in its usual way, with IKV_E_CANCELED unless
 * it was done before. From any thread, as long as the result is busy or still belongs to the thread
 * that cancels. Never waits. */
IKV_API void ikv_cancel(ikv_result *result);

IKV_API IKV_NODISCARD int ikv_completions_new(ikv_completions **ret_completions, ikv_error *err);
/* Readable (for poll, select, epoll) while ikv_completions_next has something to give. Not to be
 * read from, nor closed. */
IKV_API int ikv_completions_fd(const ikv_completions *completions);
/* A batch that is done; the result is the caller's again, ikv_result_code says how it ended. NULL:
 * there is none now. Never waits. */
IKV_API ikv_result *ikv_completions_next(ikv_completions *completions);
/* NULL is allowed. No batch that would complete here may be left. */
IKV_API void ikv_completions_free(ikv_completions *completions);

/* ------------------------------------------------------------------ 6. scanning --- */

typedef enum ikv_order {
    IKV_ORDER_KEY = 0,    /* ascending keys, each with its value */
    IKV_ORDER_STORAGE = 1 /* values as they lie in the file, without keys: the order of writing */
} ikv_order;

typedef struct ikv_scan_options {
    size_t size;
    ikv_order order;
    const void *from; /* IKV_ORDER_KEY only: first key wanted, inclusive; NULL: from the least */
    const void *to;   /* IKV_ORDER_KEY only: last key wanted, inclusive; NULL: to the greatest */
    uint64_t limit;   /* at most this many items; 0: no limit */
    uint64_t memory;  /* bytes for values read ahead; 0: 16 MiB. A larger single value is still
                         returned. */
} ikv_scan_options;
#define IKV_SCAN_OPTIONS_INIT                                                                      \
    {                                                                                              \
        .size = sizeof(ikv_scan_options)                                                           \
    }

typedef struct ikv_scan ikv_scan;

/*
 * Start a scan. from and to are copied. from > to gives an empty scan. The scan is the caller's, to
 * be closed with ikv_scan_close before the store is.
 */
IKV_API IKV_NODISCARD int ikv_scan_open(ikv_store *store, const ikv_scan_options *options,
                                        ikv_scan **ret_scan, ikv_error *err);

/*
 * The next item; its pointers are valid until the next call on this scan. 0: *ret_item is set.
 * IKV_E_END: there are no more.
 *
 * In key order a damaged record gives an item with status IKV_CORRUPT, one that can't be read an
 * item with IKV_UNREADABLE. Both have their key and no value, *err says what is wrong although the
 * call returns 0, and the scan can go on. (After a damaged index page it can't: IKV_E_INDEX.)
 *
 * In storage order item.key is NULL, and damage, which is found by the checksums of 1 MiB blocks,
 * ends the scan with IKV_E_RECORD. Plain v2 files have no checksums: there only impossible sizes
 * are found.
 *
 * After an error every further call returns the same error.
 */
IKV_API IKV_NODISCARD int ikv_scan_next(ikv_scan *scan, ikv_item *ret_item, ikv_error *err);
IKV_API const ikv_stats *ikv_scan_stats(const ikv_scan *scan);
IKV_API void ikv_scan_close(ikv_scan *scan); /* NULL is allowed */

/* ------------------------------------------------------------------ 7. writing --- */

/* Largest value: a record's size field has 32 bits, and our checksum takes 4 bytes of the record.
 */
#define IKV_VALUE_SIZE_MAX           (UINT32_MAX - 4u)
#define IKV_VALUE_SIZE_MAX_CLUSTERED (UINT32_MAX - ((uint32_t)4 << 20))

typedef enum ikv_duplicates {
    IKV_DUPLICATES_ERROR = 0, /* finish fails with IKV_E_DUPLICATE and names the key */
    IKV_DUPLICATES_FIRST = 1, /* the pair that was added first stays */
    IKV_DUPLICATES_LAST = 2   /* the pair that was added last stays */
} ikv_duplicates;

/* What a long call is doing. `total` is 0 when it is not known. */
typedef struct ikv_progress {
    const char
        *phase; /* "sort", "merge", "compact", "index", "sync", "verify", ...; static storage */
    uint64_t done;
    uint64_t total;
    const char *unit; /* of done and total: "pairs", "bytes", ...; static storage */
} ikv_progress;

/* Called from time to time on the calling thread. Not 0 cancels: the call fails with IKV_E_CANCELED
 * and cleans up. It must not call back into the object that reports. */
typedef int (*ikv_progress_fn)(void *user, const ikv_progress *progress);

enum {
    IKV_WRITE_PLAIN =
        1, /* plain v2: what the crate writes, no checksums, no trailer; padding zero */
    IKV_WRITE_NO_V2_INDEX =
        2 /* clustered: leave out the index that only the crate reads; to the crate the file is a
             store without pairs. Saves 16 bytes a pair (64-bit keys). */
};

/*
 * How the records are laid out in the file.
 *
 * - ARRIVAL: in the order in which they were added. A lookup reads a page of the index, then the
 *   record. Values are written once.
 * - CLUSTERED: in the order of their keys, packed into leaves that are their own index. A lookup
 *   reads one leaf, and so does one for a key that is not there; ranges of keys are sequential
 *   reads. Unless keys arrive in order, values are sorted in temporary files while the store is
 *   built. Not with IKV_WRITE_PLAIN. A value has at most IKV_VALUE_SIZE_MAX_CLUSTERED bytes.
 */
typedef enum ikv_layout {
    IKV_LAYOUT_DEFAULT = 0, /* ARRIVAL */
    IKV_LAYOUT_ARRIVAL = 1,
    IKV_LAYOUT_CLUSTERED = 2
} ikv_layout;

typedef struct ikv_writer_options {
    size_t size;
    ikv_key_type key_type; /* mandatory */
    uint32_t flags;        /* IKV_WRITE_* */
    ikv_duplicates on_duplicate;
    uint32_t stride;         /* with IKV_WRITE_PLAIN and 128-bit keys: 24 or 32; 0: 32 */
    uint32_t mode;           /* permission bits of the finished file; 0: 0666 less the umask */
    uint64_t memory;         /* most bytes for sorting and buffers; 0: 256 MiB; least: 8 MiB */
    uint64_t expected_pairs; /* a hint: memory is reserved for so many at once; 0: none */
    const unsigned char *store_id; /* 16 bytes; NULL: random. Same input, options and id give
                                      identical files. Not with IKV_WRITE_PLAIN. */
    const void *metadata; /* copied into the store, at most 1 MiB. Not with IKV_WRITE_PLAIN. */
    size_t metadata_size;
    const char *temp_dir;        /* for spilled runs; NULL: the directory of the store */
    ikv_progress_fn on_progress; /* during finish */
    void *progress_user;
    ikv_layout layout;
    uint32_t leaf_size; /* clustered: bytes of a leaf, 4096, 8192, 16384 or 32768; 0: chosen from
                           the sizes of the values */
} ikv_writer_options;
#define IKV_WRITER_OPTIONS_INIT                                                                    \
    {                                                                                              \
        .size = sizeof(ikv_writer_options)                                                         \
    }

typedef struct ikv_build_stats {
    uint64_t pairs;       /* in the finished store */
    uint64_t dropped;     /* pairs dropped as duplicates */
    uint64_t value_bytes; /* sum of the value sizes in the store */
    uint64_t file_size;
    uint64_t spilled_runs;  /* sorted runs that did not fit into memory */
    uint64_t spilled_bytes; /* bytes written to temporary files */
    uint64_t merge_passes;  /* passes over all entries to merge them */
    int input_sorted;       /* 1: the keys arrived in order, nothing was sorted */
} ikv_build_stats;

typedef struct ikv_writer ikv_writer;

/*
 * Start writing a store that will appear at `path`. Everything goes to a temporary file in the same
 * directory (random name; readable by its owner alone as soon as there is something in it) until
 * ikv_writer_finish publishes it; whatever is at `path`
 * stays as it is until then, and readers that have it open keep it. A symbolic link at `path` is
 * replaced, not followed. Errors: IKV_E_INVALID, IKV_E_NOT_REGULAR (`path` names something that is
 * not a file), -errno. Options (and the key type in them) are mandatory; what they point to, except
 * progress_user, is copied.
 */
IKV_API IKV_NODISCARD int ikv_writer_new(const char *path, const ikv_writer_options *options,
                                         ikv_writer **ret_writer, ikv_error *err);

/*
 * Add one pair. Key and value are copied. After a failure with IKV_E_VALUE_TOO_LARGE the writer is
 * as before and goes on; after any other failure only ikv_writer_abort (or finish, which fails with
 * the same code) is of use.
 */
IKV_API IKV_NODISCARD int ikv_writer_add(ikv_writer *writer, const void *key, const void *value,
                                         size_t size, ikv_error *err);

/*
 * Sort, write the index, make everything durable and put the store in place with rename. Frees the
 * writer, whatever it returns. Success means that file and directory entry are durable. On failure
 * the temporary file is gone and `path` is as it was, with one exception: IKV_E_DURABILITY, see
 * there. A failed fsync is not retried. ret_stats may be NULL.
 */
IKV_API IKV_NODISCARD int ikv_writer_finish(ikv_writer *writer, ikv_build_stats *ret_stats,
                                            ikv_error *err);

/* Give up: removes the temporary file and frees the writer. NULL is allowed. */
IKV_API void ikv_writer_abort(ikv_writer *writer);

/* One pair as a callback hands it out; it must stay in place until the next call. */
typedef struct ikv_pair {
    const void *key; /* host byte order */
    const void *value;
    size_t size;
} ikv_pair;

/*
 * Build a store from pairs that `next` hands out one by one. next returns 1 with *pair set, 0 at
 * the end, or a negative code of its own: then the build is abandoned and ikv_build returns just
 * that code. (Any other positive value is IKV_E_INVALID.)
 */
typedef int (*ikv_next_fn)(void *user, ikv_pair *pair);
IKV_API IKV_NODISCARD int ikv_build(const char *path, const ikv_writer_options *options,
                                    ikv_next_fn next, void *user, ikv_build_stats *ret_stats,
                                    ikv_error *err);

/* ------------------------------------------------------------------ 8. checking --- */

typedef struct ikv_verify_options {
    size_t size;
    uint64_t memory; /* most bytes for sorting positions and buffers, beside what opening keeps;
                        0: 256 MiB; least: 8 MiB */
    const char *temp_dir; /* for what does not fit; NULL: the directory of the store */
    void (*on_problem)(void *user, const ikv_error *problem); /* each one found, in no set order;
                                                              NULL: none */
    ikv_progress_fn on_progress;
    void *user;            /* for both callbacks */
    uint64_t max_problems; /* stop after so many; 0: 1000 */
} ikv_verify_options;
#define IKV_VERIFY_OPTIONS_INIT                                                                    \
    {                                                                                              \
        .size = sizeof(ikv_verify_options)                                                         \
    }

typedef struct ikv_verify_report {
    uint64_t problems;
    uint64_t records;  /* records checked */
    uint64_t pages;    /* index pages checked */
    uint64_t sections; /* trailer sections checked */
    uint64_t bytes;    /* bytes of the file read */
    int has_trailer;   /* 0: a plain v2 file, which has no checksums: only its structure was checked
                        */
} ikv_verify_report;

/*
 * Read a whole store and check every byte of it: header, records and their checksums, padding,
 * order and checksums of the index, that entries and records correspond one to one, trailer
 * sections, footer. In a store of ours every single changed bit is found. Opens the file itself,
 * with `open_options` (NULL: defaults).
 *
 * Returns 0 if the store is sound; the code of the first problem otherwise, with err describing it
 * and *ret_report set in both cases (ret_report may be NULL); or an error that kept it from
 * checking.
 */
IKV_API IKV_NODISCARD int ikv_verify(const char *path, const ikv_open_options *open_options,
                                     const ikv_verify_options *options,
                                     ikv_verify_report *ret_report, ikv_error *err);

#ifdef __cplusplus
}
#endif
#endif /* INDEXKV_H */
