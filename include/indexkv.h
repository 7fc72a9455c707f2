/*
 * indexkv - an immutable on-disk key-value store for fixed-width keys, with batch lookups
 *
 * This is the whole public API, from simple to advanced:
 *
 *    1. Opening and looking up        ikv_open, ikv_get, ikv_get_many, ikv_close
 *    2. Errors                        ikv_error, ikv_strerror
 *    3. Keys                          ikv_key_type, ikv_key_parse, ikv_key_format
 *    4. Writing                       ikv_writer_new/add/finish/abort, ikv_build; ranges
 *    5. Scanning                      ikv_scan_open, ikv_scan_next, ikv_scan_close
 *    6. Options for opening           ikv_open_options, ikv_store_info
 *    7. Options for lookups           ikv_get_options
 *    8. Statistics                    ikv_stats, ikv_latency
 *    9. Engines, asynchronous lookups ikv_engine_new, ikv_submit, ikv_wait, ikv_completions_new
 *   10. Verifying                     ikv_verify
 *   11. Merging                       ikv_merge
 *   12. Downloading                   ikv_fetch
 *   13. Version                       ikv_version
 *
 * The examples are compiled and run as examples/header_samples.c. Background is in docs/ of the
 * source tree: docs/backends.md, docs/memory.md, docs/threads.md.
 *
 * Conventions:
 *
 * - A function that can fail returns 0 or a negative code, either an IKV_E_* code or a negated
 * errno value (-EIO, -ENOMEM, ...). The two ranges do not overlap.
 * - `ikv_error *err` may be NULL. It is written only on failure, unless noted otherwise.
 * - Out-parameters named `ret_*` are not changed on failure.
 * - An options struct begins with `size`. Initialise it with its _INIT macro, then set the fields
 *   you need; zero is always the documented default. A NULL options pointer means all defaults,
 *   unless a field is mandatory. A struct larger than the one the library knows is accepted if the
 *   additional bytes are zero.
 * - A key is an object of its own type in host byte order (uint32_t, unsigned __int128, char[20],
 *   ...). In an array, key i is at (const char *)keys + i * width. No alignment is required.
 * - Sizes and offsets are in bytes.
 * - The library never prints, exits or aborts. It never changes signal handlers, the umask or the
 *   locale.
 *
 * Threads: any number of threads may use the same ikv_store, ikv_engine or ikv_completions at the
 * same time. An ikv_result, ikv_scan or ikv_writer may be used by one thread at a time; separate
 * objects are independent.
 *
 * Fork: a child process may continue to use inherited stores, engines and idle results. It must not
 * use inherited ikv_completions, nor results, scans and writers that other threads were using when
 * the process forked. See docs/threads.md.
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

/* What the _INIT macros expand to: a struct of zeros, except for its size. C++ before C++20 has no
 * designated initialisers. */
#ifdef __cplusplus
extern "C++" template <typename Options> inline Options ikv_options_init_()
{
    Options options = Options();
    options.size = sizeof(Options);
    return options;
}
#define IKV_OPTIONS_INIT_(type) ikv_options_init_<type>()
#else
#define IKV_OPTIONS_INIT_(type)                                                                    \
    {                                                                                              \
        .size = sizeof(type)                                                                       \
    }
#endif

/* ------------------------------------------------------------- 1. opening and looking up --- */

/*
 * Example:
 *
 *     const uint64_t keys[] = {1976, 2003, 2024}; // any order
 *     if (ikv_open(path, NULL, &store, &err) < 0 || ikv_result_new(&result) < 0)
 *         return -1;
 *     if (ikv_get_many(store, keys, 3, NULL, result, &err) < 0)
 *         return -1;
 *     const ikv_item *items = ikv_result_items(result); // items[i] answers keys[i]
 */

typedef struct ikv_store ikv_store;   /* an open store */
typedef struct ikv_result ikv_result; /* the answers of one call */

typedef struct ikv_error ikv_error;               /* section 2 */
typedef struct ikv_open_options ikv_open_options; /* section 6 */
typedef struct ikv_get_options ikv_get_options;   /* section 7 */

/*
 * Open a store for reading: a file, or an object at an http:// or https:// URL (see
 * ikv_http_options in section 6). The file type is detected: a store written by this library, or a
 * plain v2 file as the Rust crate writes them. Plain v2 files need options->key_type; all other
 * stores can be opened with `options` NULL.
 *
 * Opening takes a fixed number of reads and loads parts of the trailer; it does not read the whole
 * file. Replacing the file by rename does not affect an open store. Modifying it in place is not
 * supported, and is detected only where a checksum or a size shows it.
 *
 * On success, close *ret_store with ikv_close. Errors: all codes from IKV_E_NOT_STORE to
 * IKV_E_SECTION, IKV_E_INVALID, IKV_E_UNSUPPORTED (a required section of unknown type; a backend
 * that was not built in), -errno; with IKV_OPEN_UNTRUSTED also those of ikv_verify.
 */
IKV_API IKV_NODISCARD int ikv_open(const char *path, const ikv_open_options *options,
                                   ikv_store **ret_store, ikv_error *err);

/*
 * Close a store; NULL is allowed. No other call on the store may be running. Submitted batches are
 * canceled, and this function waits for them. Results remain readable, except values returned with
 * IKV_GET_IN_PLACE. Scans of the store may then only be closed.
 */
IKV_API void ikv_close(ikv_store *store);

/*
 * A result holds the answers of one call and the memory used to find them. Reuse it: a call similar
 * to an earlier one on the same result allocates nothing. A result may be used with any store. Its
 * memory is bounded by the largest batch it was used for; docs/memory.md has the numbers.
 *
 * A result is busy from ikv_submit (section 9) until its batch is done. While it is busy, its
 * answers must not be read.
 */
IKV_API IKV_NODISCARD int ikv_result_new(ikv_result **ret_result); /* 0 or -ENOMEM */

/* NULL is allowed. A busy result is canceled and waited for; one whose batch will complete by
 * callback or in an ikv_completions must not be freed until then. */
IKV_API void ikv_result_free(ikv_result *result);

/* Drop the answers and release most of the memory. No effect on a busy result. */
IKV_API void ikv_result_clear(ikv_result *result);

typedef enum ikv_status {
    IKV_FOUND = 0,
    IKV_MISSING = 1,    /* no such key, or no key at or below (above) it */
    IKV_CORRUPT = 2,    /* the bytes that decide about this key are damaged */
    IKV_UNREADABLE = 3, /* these bytes could not be read: I/O error, or file truncated */
    IKV_OTHER_SIZE = 4  /* found, but not copied: its size is not ikv_get_options.value_size */
} ikv_status;

/* One answer. Its pointers are valid until the result is used again, cleared or freed. */
typedef struct ikv_item {
    const void *value; /* `size` bytes, aligned to 8; not NULL if found (exceptions:
                          ikv_get_options.on_value, IKV_GET_IN_PLACE), otherwise NULL */
    const void *key;   /* the matching key in host byte order, NULL if there is none; for exact
                          lookups it points into the caller's array of keys */
    uint32_t size;
    int32_t status; /* an ikv_status */
} ikv_item;

/*
 * Look up one key. Returns 0 if it was found; the answer is item 0 of the result. Otherwise
 * IKV_E_NOT_FOUND, IKV_E_INDEX or IKV_E_RECORD (damaged), IKV_E_VALUE_SIZE, the error of a failed
 * read, or an error of ikv_get_many. `key` must stay valid as long as the item's key is used.
 */
IKV_API IKV_NODISCARD int ikv_get(ikv_store *store, const void *key, const ikv_get_options *options,
                                  ikv_result *result, ikv_error *err);

/*
 * Look up `count` keys, in any order, repeats allowed. Item i of the result answers key i and has a
 * status of its own, so a damaged record affects no other key. Repeated keys may share one value.
 * With count 0 the result is empty. If a plain v2 file contains a key more than once, one of its
 * records is returned.
 *
 * For exact lookups `keys` must stay valid while the result is in use: item.key points into it.
 *
 * Small batches are looked up by the calling thread if their data is in memory, or if the backend
 * is IKV_BACKEND_URING. All others are divided among the workers of the store's engine and the
 * calling thread waits, also if the engine's queue is full.
 *
 * Returns 0 if no key is IKV_UNREADABLE. Otherwise one of two things happened:
 * - A read failed. The code is that of the first failed read (-EIO, IKV_E_TRUNCATED, ...), the keys
 *   that depended on failed reads are IKV_UNREADABLE, and all other items are valid.
 * - The call failed and the result is empty: IKV_E_INVALID; -ENOMEM; IKV_E_CANCELED (on_value
 *   returned non-zero, or the engine was closed); IKV_E_STATE (the result is busy, or the call
 *   needs the engine and came from one of that engine's callbacks). With IKV_BACKEND_URING also
 *   -EAGAIN (no thread could be started), or the reason why a ring could not be created.
 */
IKV_API IKV_NODISCARD int ikv_get_many(ikv_store *store, const void *keys, size_t count,
                                       const ikv_get_options *options, ikv_result *result,
                                       ikv_error *err);

/* The answers, one for each key, valid until the result is used again. */
IKV_API const ikv_item *ikv_result_items(const ikv_result *result);
IKV_API size_t ikv_result_count(const ikv_result *result);

/* ------------------------------------------------------------- 2. errors --- */

/*
 * Example:
 *
 *     const int code = ikv_open(path, NULL, &store, &err);
 *     if (code == -ENOENT)
 *         return 0; // nothing to look up yet
 *     if (code < 0)
 *         fprintf(stderr, "%s\n", err.message); // names the file and says what is wrong
 */

/* The values never change. -1000 and above are reserved for negated errno values. */
enum {
    IKV_OK = 0,
    IKV_E_INVALID = -1001,     /* an argument or option is out of range */
    IKV_E_NOT_FOUND = -1002,   /* ikv_get: no such key */
    IKV_E_END = -1003,         /* ikv_scan_next: no more items */
    IKV_E_CANCELED = -1004,    /* canceled by a callback, ikv_cancel, or closing an engine */
    IKV_E_STATE = -1005,       /* not possible now: busy, nothing to wait for, in a callback */
    IKV_E_UNSUPPORTED = -1006, /* valid, but not supported by this build or this file */

    IKV_E_KEY_SYNTAX = -1101,      /* the text is not a key of this type */
    IKV_E_KEY_RANGE = -1102,       /* a number outside the key type's range */
    IKV_E_DUPLICATE = -1103,       /* a key was added twice (IKV_DUPLICATES_ERROR) */
    IKV_E_VALUE_TOO_LARGE = -1104, /* larger than IKV_VALUE_SIZE_MAX (plain: 2^32 - 1) */
    IKV_E_VALUE_SIZE = -1105,      /* ikv_get: not of ikv_get_options.value_size bytes */
    IKV_E_OVERLAP = -1106,         /* ranges overlap, and on_overlap does not allow it */

    IKV_E_NOT_STORE = -1201,         /* the file is not a store */
    IKV_E_VERSION = -1202,           /* unknown format version */
    IKV_E_INCOMPLETE = -1203,        /* writing the store was never finished */
    IKV_E_TRUNCATED = -1204,         /* the file is shorter than its header or trailer says */
    IKV_E_NOT_REGULAR = -1205,       /* a directory, device, FIFO, ... */
    IKV_E_KEY_TYPE_MISSING = -1206,  /* a plain v2 file, and no key type was given */
    IKV_E_KEY_TYPE_MISMATCH = -1207, /* the store has another key type than the one given */
    IKV_E_STRIDE = -1208,            /* the stride can't be determined, or is not the one given */
    IKV_E_CHANGED = -1209,           /* the object at the URL was replaced while it was open */
    IKV_E_REMOTE = -1210,            /* the server refused a request, or did not answer as HTTP
                                        requires; the message has the status */

    IKV_E_HEADER = -1301,  /* damaged header */
    IKV_E_FOOTER = -1302,  /* damaged or missing footer */
    IKV_E_SECTION = -1303, /* damaged section of the trailer */
    IKV_E_INDEX = -1304,   /* damaged index page or entry */
    IKV_E_RECORD = -1305,  /* damaged record */
    IKV_E_PADDING = -1306, /* padding is not zero (ikv_verify) */

    IKV_E_DURABILITY = -1401 /* the new store is in place, but its directory could not be synced:
                                after a power failure `path` may name the old file again */
};

/* A short English description of any code. Static storage, never NULL. */
IKV_API const char *ikv_strerror(int code);

typedef uint32_t ikv_key_type; /* section 3 */

#define IKV_KEY_WIDTH_MAX 128
#define IKV_NO_OFFSET     UINT64_MAX

/* What went wrong, and where. Plain data that may be copied and dropped. */
struct ikv_error {
    int code;                             /* the returned code */
    ikv_key_type key_type;                /* type of `key`; 0: no key is involved */
    uint64_t offset;                      /* offset in `file`, or IKV_NO_OFFSET */
    unsigned char key[IKV_KEY_WIDTH_MAX]; /* host byte order */
    char file[256];    /* the path as given, shortened at the front ("...") if needed; "": none */
    char message[512]; /* one line of text, including file, offset and key */
};

/* The first damage or read error of the last call on this result; NULL: none. Valid until the
 * result is used again. */
IKV_API const ikv_error *ikv_result_problem(const ikv_result *result);
/* The code that the last call on this result returned, or with which its last batch completed. */
IKV_API int ikv_result_code(const ikv_result *result);

/* ------------------------------------------------------------- 3. keys --- */

/*
 * Example:
 *
 *     uint32_t address;
 *     char text[IKV_KEY_TEXT_MAX];
 *     if (ikv_key_parse(IKV_KEY_U32, IKV_SYNTAX_IP, "192.0.2.17", 10, &address) < 0)
 *         return -1;
 *     // AUTO formats integers as decimal numbers: 3221226001
 *     (void)ikv_key_format(IKV_KEY_U32, IKV_SYNTAX_AUTO, &address, text, sizeof text);
 */

/*
 * Key types: IKV_KEY_U8 ... IKV_KEY_I128, and IKV_KEY_BYTES(n) for strings of exactly n bytes,
 * 1 <= n <= 128. Integers are ordered as numbers, byte strings as by memcmp. 0 (IKV_KEY_NONE) is
 * not a key type and means "not given".
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

/* Width of a key in bytes, 1 to 128; 0 if `type` is not a key type. */
IKV_API size_t ikv_key_width(ikv_key_type type);

/*
 * Names of key types: "u8" "u16" "u32" "u64" "u128" "i8" ... "i128" "bytes1" ... "bytes128".
 * ikv_key_type_parse returns IKV_E_INVALID for any other name. ikv_key_type_name writes at most
 * `size` bytes, always terminated if size > 0, and returns `buf`; 16 bytes are enough for every
 * name. The name of an invalid type is "?".
 */
IKV_API IKV_NODISCARD int ikv_key_type_parse(const char *name, ikv_key_type *ret_type);
IKV_API const char *ikv_key_type_name(ikv_key_type type, char *buf, size_t size);

/* Compare two keys of a valid type: negative, 0 or positive, as memcmp. */
IKV_API int ikv_key_compare(ikv_key_type type, const void *a, const void *b);

/*
 * Text forms of keys.
 *   AUTO   Parsing: decimal with an optional sign, or hex digits after 0x; for u32 and u128 also
 *          IP addresses, for u128 also UUIDs; for byte strings hex digits, optionally after 0x,
 *          for 16 bytes also UUIDs.
 *          Formatting: decimal for integers, hex digits for byte strings.
 *   DEC    Integers only: decimal with an optional sign.
 *   HEX    Integers: hex digits, parsed with or without 0x and a sign before it; formatted as 0x
 *          and 2 * width digits, a negative number as -0x and its magnitude.
 *          Byte strings: exactly 2 * width hex digits, first byte first.
 *   IP     u32, u128: IPv4 in dotted form or IPv6, the first number being the most significant.
 *          An IPv4 address in u128 is the IPv6 address ::ffff:a.b.c.d; in u32 that is parsed as
 *          a.b.c.d, and other IPv6 addresses are out of range. Formatted as IPv4 for u32, and as
 *          IPv6 for u128.
 *   UUID   u128, 16 bytes: 550e8400-e29b-41d4-a716-446655440000, the first digit being the most
 *          significant. Formatted in lower case.
 *   TEXT   Byte strings: exactly the bytes of the key. They may contain NULs: use the length.
 *   BASE64 Byte strings: base64 of RFC 4648, formatted with padding; parsed with or without it,
 *          and in the alphabet for URLs, too.
 */
typedef enum ikv_key_syntax {
    IKV_SYNTAX_AUTO = 0,
    IKV_SYNTAX_DEC = 1,
    IKV_SYNTAX_HEX = 2,
    IKV_SYNTAX_IP = 3,
    IKV_SYNTAX_UUID = 4,
    IKV_SYNTAX_TEXT = 5,
    IKV_SYNTAX_BASE64 = 6
} ikv_key_syntax;

/* A buffer of this size has room for any formatted key and its terminator. */
#define IKV_KEY_TEXT_MAX 264

/*
 * Parse text[0..len) into *ret_key (width bytes, host byte order). White space is not skipped.
 * Errors: IKV_E_KEY_SYNTAX; IKV_E_KEY_RANGE (a valid number that does not fit); IKV_E_INVALID (not
 * a key type, or a syntax that the type does not have).
 */
IKV_API IKV_NODISCARD int ikv_key_parse(ikv_key_type type, ikv_key_syntax syntax, const char *text,
                                        size_t len, void *ret_key);

/*
 * Format a key as terminated text. Returns its length without the terminator, or IKV_E_INVALID (not
 * a key type, a syntax that the type does not have, or `size` is too small).
 */
IKV_API int ikv_key_format(ikv_key_type type, ikv_key_syntax syntax, const void *key, char *buf,
                           size_t size);

/* ------------------------------------------------------------- 4. writing --- */

/*
 * Example:
 *
 *     ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
 *     options.key_type = IKV_KEY_U64;
 *     if (ikv_writer_new(path, &options, &writer, &err) < 0)
 *         return -1;
 *     for (size_t i = 0; i < count; i++)
 *         if (ikv_writer_add(writer, &keys[i], values[i], strlen(values[i]), &err) < 0) {
 *             ikv_writer_abort(writer);
 *             return -1;
 *         }
 *     return ikv_writer_finish(writer, NULL, &err); // 0: the store is at `path`, durably
 */

/* Largest value: the 32-bit size of a record includes a checksum of 4 bytes, and in clustered
 * stores may include the rest of a leaf. */
#define IKV_VALUE_SIZE_MAX           (UINT32_MAX - 4u)
#define IKV_VALUE_SIZE_MAX_CLUSTERED (UINT32_MAX - ((uint32_t)4 << 20))

typedef enum ikv_duplicates {
    IKV_DUPLICATES_ERROR = 0, /* ikv_writer_finish fails with IKV_E_DUPLICATE and names the key */
    IKV_DUPLICATES_FIRST = 1, /* keep the pair that was added first */
    IKV_DUPLICATES_LAST = 2   /* keep the pair that was added last */
} ikv_duplicates;

/* Progress of a long call. */
typedef struct ikv_progress {
    const char *phase; /* "sort", "merge", "index", "sync", "verify", ...; static storage */
    uint64_t done;
    uint64_t total;   /* 0: not known */
    const char *unit; /* of done and total: "pairs", "bytes", ...; static storage */
} ikv_progress;

/* Called from time to time on the calling thread. A return value other than 0 cancels: the call
 * cleans up and fails with IKV_E_CANCELED. It must not use the object that reports. */
typedef int (*ikv_progress_fn)(void *user, const ikv_progress *progress);

enum {
    /* Write a plain v2 file, as the Rust crate does: no checksums, no trailer; padding is zero. */
    IKV_WRITE_PLAIN = 1,
    /* Clustered stores: omit the v2 index, which only the crate reads. Saves 16 bytes per pair with
     * 64-bit keys. To the crate the file is a store without pairs. */
    IKV_WRITE_NO_V2_INDEX = 2,
    /* Write a store of ranges, see ikv_writer_add_range. Not with IKV_WRITE_PLAIN. */
    IKV_WRITE_RANGES = 4
};

/* Stores of ranges: what happens if two ranges have keys in common. */
typedef enum ikv_overlap {
    IKV_OVERLAP_ERROR = 0, /* ikv_writer_finish fails with IKV_E_OVERLAP and names the ranges */
    /* A key belongs to the innermost range that contains it: the outer range is cut. Ranges of
     * which neither contains the other are an error. */
    IKV_OVERLAP_INNERMOST = 1
} ikv_overlap;

/* How records are laid out in the file. */
typedef enum ikv_layout {
    IKV_LAYOUT_DEFAULT = 0, /* CLUSTERED; ARRIVAL with IKV_WRITE_PLAIN */
    /* In the order in which they were added. A lookup reads an index page and the record. Every
     * value is written once; temporary files hold keys and positions only. */
    IKV_LAYOUT_ARRIVAL = 1,
    /* In key order, packed into leaves that contain their own index. A lookup reads one leaf,
     * whether the key is present or not; a range of keys is a sequential read. Unless the keys
     * arrive in order, values are sorted in temporary files. A value has at most
     * IKV_VALUE_SIZE_MAX_CLUSTERED bytes. Not with IKV_WRITE_PLAIN. */
    IKV_LAYOUT_CLUSTERED = 2
} ikv_layout;

typedef struct ikv_writer_options {
    size_t size;
    ikv_key_type key_type; /* mandatory */
    uint32_t flags;        /* IKV_WRITE_* */
    ikv_duplicates on_duplicate;
    uint32_t stride;         /* only with IKV_WRITE_PLAIN and 128-bit keys: 24 or 32; 0: 32 */
    uint32_t mode;           /* permission bits of the finished file; 0: 0666 less the umask */
    uint64_t memory;         /* limit for sorting and buffers, at least 8 MiB; 0: 256 MiB */
    uint64_t expected_pairs; /* hint: reserve memory for this many pairs; 0: none */
    const unsigned char *store_id; /* 16 bytes; NULL: random. The same input, options and id produce
                                      identical files. Not with IKV_WRITE_PLAIN */
    const void *metadata; /* stored with the store, at most 1 MiB. Not with IKV_WRITE_PLAIN */
    size_t metadata_size;
    const char *temp_dir;        /* for temporary files of the sort; NULL: the store's directory */
    ikv_progress_fn on_progress; /* called during ikv_writer_finish; NULL: none */
    void *progress_user;         /* passed to on_progress */
    ikv_layout layout;
    uint32_t leaf_size;     /* clustered: 4096, 8192, 16384 or 32768 bytes; 0: chosen from the value
                               sizes */
    uint32_t filter_bits;   /* clustered: a filter of absent keys with 8 or 16 bits, and 9.1 or 18.2
                               bits of memory, per key; 0: none. With 8, one lookup of an absent key
                               in 256 still reads a leaf. */
    ikv_overlap on_overlap; /* with IKV_WRITE_RANGES; on_duplicate decides if two ranges have the
                               same first and last key */
} ikv_writer_options;
#define IKV_WRITER_OPTIONS_INIT IKV_OPTIONS_INIT_(ikv_writer_options)

typedef struct ikv_build_stats {
    uint64_t pairs;       /* in the finished store */
    uint64_t dropped;     /* pairs dropped as duplicates */
    uint64_t value_bytes; /* sum of the value sizes in the store */
    uint64_t file_size;
    uint64_t spilled_runs;  /* sorted runs written to temporary files */
    uint64_t spilled_bytes; /* bytes written to temporary files */
    uint64_t merge_passes;  /* merge passes over all entries */
    int input_sorted;       /* 1: the keys arrived in order and were not sorted; ranges: 0 */
} ikv_build_stats;

typedef struct ikv_writer ikv_writer;

/*
 * Start writing a store that ikv_writer_finish will publish at `path`. Until then the data is in a
 * temporary file in the same directory (random name, readable by its owner only), and an existing
 * file at `path` is left alone. Readers that have the old file open keep it. A symbolic link at
 * `path` is replaced, not followed.
 *
 * `options` is mandatory; what it points to is copied, except progress_user. Errors: IKV_E_INVALID,
 * IKV_E_NOT_REGULAR (`path` exists and is not a regular file), -errno.
 */
IKV_API IKV_NODISCARD int ikv_writer_new(const char *path, const ikv_writer_options *options,
                                         ikv_writer **ret_writer, ikv_error *err);

/*
 * Add a pair; key and value are copied. After IKV_E_VALUE_TOO_LARGE, or IKV_E_INVALID (an argument
 * is NULL), the writer is unchanged: it can be used on, and the store will lack this pair. After
 * any other error only ikv_writer_abort and ikv_writer_finish (which fails with the same code) may
 * be called.
 */
IKV_API IKV_NODISCARD int ikv_writer_add(ikv_writer *writer, const void *key, const void *value,
                                         size_t size, ikv_error *err);

/*
 * Add a range of keys, `first` to `last`, both inclusive, to a store of ranges. Ranges may be added
 * in any order; they are sorted, with their values, and written in key order. A key may have at
 * most 64 bytes. A lookup with IKV_RANGE finds the range that a key is in; keys in no range are
 * missing. In such a store ikv_writer_add adds a range of one key.
 *
 * In the file, the key of a pair is the first key of its range, and the last key follows the value
 * (FORMAT.md, section 14): values may have as many bytes less, and readers that do not know ranges
 * find it there. Where ranges were cut, the store has more ranges than were added, and copies of
 * their values.
 *
 * Errors: those of ikv_writer_add; IKV_E_INVALID, after which the writer can be used on: last <
 * first, or no IKV_WRITE_RANGES.
 */
IKV_API IKV_NODISCARD int ikv_writer_add_range(ikv_writer *writer, const void *first,
                                               const void *last, const void *value, size_t size,
                                               ikv_error *err);

/*
 * Sort, write the index, sync the file, rename it to `path` and sync the directory. Always frees
 * the writer. On success the store is durable. On failure the temporary file is removed and `path`
 * is unchanged, except after IKV_E_DURABILITY. A failed fsync is not retried. ret_stats may be
 * NULL.
 */
IKV_API IKV_NODISCARD int ikv_writer_finish(ikv_writer *writer, ikv_build_stats *ret_stats,
                                            ikv_error *err);

/* Remove the temporary file and free the writer. NULL is allowed. */
IKV_API void ikv_writer_abort(ikv_writer *writer);

typedef struct ikv_pair {
    const void *key; /* host byte order */
    const void *value;
    size_t size;
} ikv_pair;

/*
 * Write a store from the pairs that `next` supplies. `next` returns 1 after setting *pair, 0 at the
 * end, or a negative code: then ikv_build removes the temporary file and returns that code. Any
 * other return value is IKV_E_INVALID. What *pair points to must stay valid until the next call.
 */
typedef int (*ikv_next_fn)(void *user, ikv_pair *pair);
IKV_API IKV_NODISCARD int ikv_build(const char *path, const ikv_writer_options *options,
                                    ikv_next_fn next, void *user, ikv_build_stats *ret_stats,
                                    ikv_error *err);

/* ------------------------------------------------------------- 5. scanning --- */

/*
 * Example:
 *
 *     if (ikv_scan_open(store, NULL, &scan, &err) < 0)
 *         return -1;
 *     while ((code = ikv_scan_next(scan, &item, &err)) == 0)
 *         print_item(&item);
 *     ikv_scan_close(scan);
 *     return code == IKV_E_END ? 0 : code;
 */

typedef enum ikv_order {
    IKV_ORDER_KEY = 0,    /* keys with their values, in ascending order of the keys */
    IKV_ORDER_STORAGE = 1 /* values without keys, in file order (the order of writing) */
} ikv_order;

typedef struct ikv_scan_options {
    size_t size;
    ikv_order order;
    const void *from; /* IKV_ORDER_KEY only: first key, inclusive; NULL: the smallest */
    const void *to;   /* IKV_ORDER_KEY only: last key, inclusive; NULL: the largest */
    uint64_t limit;   /* maximum number of items; 0: no limit */
    uint64_t memory;  /* limit for values read ahead; 0: 16 MiB. A single larger value is still
                         returned */
} ikv_scan_options;
#define IKV_SCAN_OPTIONS_INIT IKV_OPTIONS_INIT_(ikv_scan_options)

typedef struct ikv_scan ikv_scan;

/* Start a scan. `from` and `to` are copied; if from > to the scan is empty. Close *ret_scan with
 * ikv_scan_close. Errors: IKV_E_INVALID, -ENOMEM, IKV_E_INDEX, -errno. */
IKV_API IKV_NODISCARD int ikv_scan_open(ikv_store *store, const ikv_scan_options *options,
                                        ikv_scan **ret_scan, ikv_error *err);

/*
 * Get the next item. Returns 0 with *ret_item set, IKV_E_END after the last item, or an error,
 * which every further call returns again. The item's pointers are valid until the next call on this
 * scan.
 *
 * Key order: the status of the item is IKV_CORRUPT for a damaged record, IKV_UNREADABLE for one
 * that could not be read. Such an item has its key and no value, *err describes the problem
 * although the call returns 0, and the scan can continue. A damaged index page ends the scan
 * (IKV_E_INDEX).
 *
 * Storage order: item.key is NULL. Damage is detected by the checksums of 1 MiB blocks and ends the
 * scan with IKV_E_RECORD. Plain v2 files have no checksums; only impossible sizes are detected.
 */
IKV_API IKV_NODISCARD int ikv_scan_next(ikv_scan *scan, ikv_item *ret_item, ikv_error *err);
IKV_API void ikv_scan_close(ikv_scan *scan); /* NULL is allowed */

/* ------------------------------------------------------------- 6. options for opening --- */

/*
 * Example:
 *
 *     ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
 *     options.index_memory = (uint64_t)1 << 30; // keep up to 1 GiB of the index in memory
 *     options.flags = IKV_OPEN_PRELOAD_INDEX;   // read the index into the page cache now
 *     if (ikv_open(path, &options, &store, &err) < 0)
 *         return -1;
 *     ikv_store_info(store, &info);
 */

/*
 * How lookups read. A backend chosen explicitly is never replaced by another; ikv_stats.backend
 * reports what was used. Opening, scans in storage order and ikv_verify always use pread. A store
 * uses one file descriptor, and up to 15 more for the engine's other workers. docs/backends.md
 * describes the choice, and the limits of a mapping.
 */
typedef enum ikv_backend {
    /* Pages in the page cache are accessed through a mapping of the file. All others are read with
     * io_uring, or with pread if io_uring is not available (ikv_stats.fallback has the reason). If
     * another process truncates the file during a lookup, this one may get SIGBUS: see
     * IKV_OPEN_NO_MAP. */
    IKV_BACKEND_AUTO = 0,
    /* One read after another. */
    IKV_BACKEND_PREAD = 1,
    /* io_uring, by default with up to 256 reads in flight for each worker. If it is not available,
     * ikv_open fails with IKV_E_UNSUPPORTED (not built in) or a negated errno value; lookups fail
     * in the same way if a worker can't create its ring. */
    IKV_BACKEND_URING = 2,
    /* Everything is accessed through the mapping. A page that is not in memory blocks the thread
     * that touches it; if the page can't be read, the process gets SIGBUS. For files known to stay
     * in memory (tmpfs, or IKV_OPEN_LOCK). */
    IKV_BACKEND_MMAP = 3
} ikv_backend;

/* Lookups bypass the page cache (O_DIRECT) and use no mapping. ikv_open fails if the file system
 * does not support it. */
#define IKV_OPEN_DIRECT 1u
/* AUTO: do not map the file. */
#define IKV_OPEN_NO_MAP 2u
/* AUTO: query the residency of all pages now, at 50 ns each, not when lookups visit them. */
#define IKV_OPEN_PRIME 4u
/* AUTO, MMAP: read the index, or the whole file, into the page cache now, in huge pages if the file
 * system has them. What is cached in small pages is dropped and read again from the disk, at the
 * disk's speed (Linux 6.7; pages that are dirty or used by another process stay as they are). */
#define IKV_OPEN_PRELOAD_INDEX 8u
#define IKV_OPEN_PRELOAD       16u
/* With a PRELOAD flag: also lock it with mlock. ikv_open fails if RLIMIT_MEMLOCK is too low. */
#define IKV_OPEN_LOCK 32u
/* With a PRELOAD flag: copy what is preloaded into memory of the process, in huge pages, rather
 * than read it again. Takes that much memory beside the page cache. Later
 * changes of the file are not seen; if it is truncated the copy is not used. */
#define IKV_OPEN_COPY 64u
/*
 * The file may have been made to do harm: before ikv_open returns it verifies all of it, as
 * ikv_verify does, with up to 64 MiB of memory, and fails with the code of the first problem. The
 * file is never mapped: not with MMAP, PRIME or PRELOAD. A store with a value of more than
 * max_value_size bytes is refused (IKV_E_UNSUPPORTED). Later reads are checked as always. A plain
 * v2 file has no checksums: its structure is verified. Verification shows that a file is sound, not
 * who wrote it.
 */
#define IKV_OPEN_UNTRUSTED 128u

typedef struct ikv_engine ikv_engine; /* section 9 */

/*
 * How a store at a URL is read: by HTTP range requests, up to `connections` of them at a time. The
 * object must not change: each request is bound to the ETag or modification time that ikv_open saw,
 * and fails with IKV_E_CHANGED if the object was replaced. Requests that fail are repeated, with
 * growing pauses, before a key is IKV_UNREADABLE; ikv_stats.retries counts these. Strings are
 * copied. Background: docs/remote.md.
 */
typedef struct ikv_http_options {
    size_t size;
    const char *const *headers; /* lines "Name: value" to send with each request, for instance for
                                   authorisation; not Range or If-... They never appear in messages,
                                   and are not sent to another host if the server redirects there */
    size_t header_count;
    const char *ca_file; /* certificates of trusted authorities (PEM); NULL: the system's */
    const char *proxy; /* URL of a proxy; NULL: from the environment (https_proxy, ...); "": none */
    uint32_t connections; /* requests in flight per worker, up to 4096: connections, or streams of
                             HTTP/2; 0: 64 */
    uint32_t timeout_ms;  /* a request without progress for this long is repeated; 0: 30,000 */
    uint32_t attempts;    /* for each request, up to 100; 0: 5 */
    uint32_t max_gap;     /* neighbouring reads share a request if at most this many bytes are
                             between them; 0: as many as one connection's share of what arrives in
                             the time of a round trip, but at least 64 KiB and at most 1 MiB */
    const char *cache;    /* a file that keeps what was read, shared by processes, created if there
                             is none; NULL: none */
    uint64_t cache_size;  /* its size, at least 1 MiB; 0: 256 MiB. Ignored if the file exists */
} ikv_http_options;
#define IKV_HTTP_OPTIONS_INIT IKV_OPTIONS_INIT_(ikv_http_options)

/*
 * What happens rarely and is worth a line in a log. Lookups, also those of scans, report it when
 * they end. docs/observability.md has an example.
 */
typedef enum ikv_event_type {
    IKV_EVENT_FALLBACK = 1, /* IKV_BACKEND_AUTO can't use io_uring; `code` says why. Reported once
                               for each reason */
    IKV_EVENT_RETRY = 2,    /* reads were repeated: `count` times */
    IKV_EVENT_DAMAGE = 3,   /* bytes are damaged or could not be read: `count` keys; `code` and
                               `error` are of the first one */
    IKV_EVENT_HINTS_DROPPED = 4 /* pages assumed to be in memory were not: all residency hints were
                                   dropped, `count` times */
} ikv_event_type;

/* Valid until the callback returns. */
typedef struct ikv_event {
    ikv_event_type type;
    int code; /* 0: none */
    uint64_t count;
    const char *file;       /* the path, as in ikv_error.file but not shortened */
    const ikv_error *error; /* DAMAGE; otherwise NULL */
} ikv_event;

/* Called by the thread that ends a lookup: the caller's, or a worker; several at a time if lookups
 * are. It must not call library functions that wait. */
typedef void (*ikv_event_fn)(void *user, const ikv_event *event);

struct ikv_open_options {
    size_t size;
    ikv_key_type key_type; /* plain v2: mandatory. Otherwise 0, or the type the store must have */
    uint32_t stride;       /* plain v2 with 128-bit keys: 24 or 32; 0: determine it from the file */
    uint64_t index_memory; /* limit for the part of the index that is kept in memory; 0: 64 MiB;
                              1: keep nothing. See docs/memory.md */
    ikv_backend backend;
    uint32_t flags;     /* IKV_OPEN_* */
    ikv_engine *engine; /* executes the lookups, may be shared by stores; NULL: an engine of the
                           store's own with default options, started when it is first needed. For a
                           URL it has one worker */
    const ikv_http_options *http; /* for a URL; NULL: all defaults */
    uint64_t max_value_size;      /* with IKV_OPEN_UNTRUSTED; 0: 64 MiB */
    ikv_event_fn on_event;        /* NULL: none */
    void *event_user;             /* passed to on_event */
};
#define IKV_OPEN_OPTIONS_INIT IKV_OPTIONS_INIT_(ikv_open_options)

typedef struct ikv_info {
    ikv_key_type key_type;
    uint32_t key_width;
    uint32_t stride;    /* bytes of an index entry in the file */
    uint32_t page_size; /* bytes of an index page, the unit in which the index is read */
    int has_trailer;    /* 1: a store written by this library, with checksums; 0: plain v2 */
    int in_key_order;   /* 1: the records are in key order; 0: they are not, or not known (plain) */
    uint64_t file_size;
    uint64_t pair_count;
    uint64_t records_end; /* offset of the first byte after the last record */
    uint64_t index_start;
    uint64_t index_size;
    uint64_t index_pages;
    unsigned char store_id[16]; /* zero for plain v2 */
    /* Value sizes without checksums. Zero for plain v2 and in an empty store. */
    uint32_t value_size_min;
    uint32_t value_size_max;
    uint32_t value_size_p99; /* at least 99 % of the values are no larger */
    uint64_t value_bytes;    /* sum of all value sizes */
    const void *metadata;    /* from ikv_writer_options; valid until ikv_close; NULL: none */
    size_t metadata_size;
    uint64_t fences;           /* fences in memory now */
    uint64_t cached_pages;     /* index pages in memory now */
    uint64_t max_cached_pages; /* index pages that index_memory has room for */
    uint64_t index_memory;     /* bytes used for the index in memory now */
    uint64_t open_reads;       /* reads, and bytes, that ikv_open took */
    uint64_t open_bytes;
    const char *backend; /* "auto", "pread", "uring" or "mmap" */
    int direct;          /* 1: IKV_OPEN_DIRECT */
    int locked;          /* 1: IKV_OPEN_LOCK */
    uint64_t mapped;     /* bytes of the file that are mapped; 0: no mapping */
    uint64_t resident;   /* bytes of the mapping assumed to be in memory; not counted for MMAP */
    uint64_t entered;  /* bytes of the mapping that a thread in the background has entered into the
                          page table (AUTO, see docs/backends.md) */
    uint64_t entering; /* bytes that wait for this */
    uint64_t copied;   /* bytes of the file in memory of the process (IKV_OPEN_COPY) */
    ikv_layout layout;
    uint32_t leaf_size;     /* clustered: bytes of a leaf; index_pages counts the leaves */
    int has_v2_index;       /* 0: a clustered store without the index that the crate reads */
    uint64_t filter_memory; /* bytes of index_memory used by the filter of absent keys */
    int has_ranges;         /* 1: a store of ranges; pair_count counts them, and sizes of values do
                               not include the last keys */
} ikv_info;

/* Facts about an open store. Never fails. */
IKV_API void ikv_store_info(const ikv_store *store, ikv_info *ret_info);

/* ------------------------------------------------------------- 7. options for lookups --- */

/*
 * Example:
 *
 *     ikv_get_options options = IKV_GET_OPTIONS_INIT;
 *     char names[3][8];
 *     options.match = IKV_FLOOR; // the largest key <= the given one
 *     options.values = names;    // the value of keys[i] is copied to names[i] ...
 *     options.value_size = 8;    // ... if it has this size
 *     if (ikv_get_many(store, keys, 3, &options, result, &err) < 0)
 *         return -1;
 */

typedef enum ikv_match {
    IKV_EXACT = 0,
    IKV_FLOOR = 1,   /* the largest key <= the given one */
    IKV_CEILING = 2, /* the smallest key >= the given one */
    IKV_RANGE = 3    /* stores of ranges: the range that contains the given key; item.key is its
                        first key. Other stores: IKV_E_UNSUPPORTED */
} ikv_match;

/*
 * Stores of ranges: store the last key of an item's range in *ret_last, in host byte order. The
 * item is one of a lookup with any match, or of a scan, and has a value where the library put it:
 * in ikv_get_options.values there is no last key. Errors: IKV_E_INVALID (no store of ranges, or no
 * value).
 */
IKV_API IKV_NODISCARD int ikv_range_last(const ikv_store *store, const ikv_item *item,
                                         void *ret_last);

/*
 * What one probe of the search reads. ENTRY is how the Rust crate searches, for measuring the cost
 * of probes: nothing in memory is used, and the absence of a key is not verified by a checksum.
 */
typedef enum ikv_probe {
    IKV_PROBE_PAGE = 0, /* an index page */
    IKV_PROBE_ENTRY = 1 /* a single entry */
} ikv_probe;

/* For measuring: finish each level of the search before the next one, and the search before reading
 * records. */
#define IKV_GET_BARRIER 1u
/* Measure the latency of reads, see ikv_result_latency. Costs about 50 ns per read. */
#define IKV_GET_LATENCY 2u
/*
 * Do not copy values that are accessed through the mapping: item.value points into the mapping,
 * without alignment, and stays valid until the store is closed. Its checksum was verified by the
 * lookup. If the file is truncated later, or the page is dropped from memory and can't be read
 * again, touching the value raises SIGBUS. Values that were read are in the result, as usual. Not
 * with `values` or `on_value`.
 */
#define IKV_GET_IN_PLACE 4u

/*
 * Called with each answer as soon as it is known; `index` is the position of its key in the batch.
 * The calls of a batch come in any order and from several threads at once. item->value is valid
 * until the function returns, and not aligned. A return value other than 0 cancels the batch. The
 * function must not call library functions that wait.
 */
typedef int (*ikv_value_fn)(void *user, size_t index, const ikv_item *item);

struct ikv_get_options {
    size_t size;
    ikv_match match;
    ikv_probe probe;
    uint32_t flags; /* IKV_GET_* */

    /* Where values go: to the result by default, or to one of these two. */
    uint32_t value_size;   /* with `values`: size of each value, > 0 */
    void *values;          /* array of count * value_size bytes: the value of key i is copied to
                              element i. Elements of keys without a value are not changed, unless
                              the call fails. NULL: not used */
    ikv_value_fn on_value; /* called with each value found; values are not kept, so that memory does
                              not depend on their sizes, and item.value is NULL. NULL: not used */
    void *user;            /* passed to on_value */
};
#define IKV_GET_OPTIONS_INIT IKV_OPTIONS_INIT_(ikv_get_options)

/* ------------------------------------------------------------- 8. statistics --- */

/*
 * Example:
 *
 *     const ikv_stats *stats = ikv_result_stats(result);
 *     const uint64_t reads = stats->index_reads + stats->record_reads;
 *     printf("%.2f reads per key\n", (double)reads / (double)stats->keys);
 */

#define IKV_LEVELS_MAX 64

typedef struct ikv_level_stats {
    uint64_t probes; /* index pages requested by the search */
    uint64_t reads;  /* reads that fetched them; neighbouring pages share a read */
    uint64_t bytes;
} ikv_level_stats;

/* What a call did. May grow with a later soname. */
typedef struct ikv_stats {
    uint64_t keys;     /* keys in the batch */
    uint64_t distinct; /* distinct keys; those answered entirely from the mapping are not compared
                          and all count as distinct */
    uint64_t found;    /* this and the next three count keys and add up to `keys` */
    uint64_t missing;
    uint64_t corrupt;
    uint64_t unreadable;
    uint64_t probes;      /* index pages (or entries) requested, at all levels */
    uint64_t cached;      /* of these, answered by a page held in memory */
    uint64_t mapped;      /* probes and records accessed through the mapping */
    uint64_t index_reads; /* reads of the index, including page checksums that are not in memory */
    uint64_t index_bytes;
    uint64_t records;      /* records fetched; one requested twice in a batch counts once */
    uint64_t record_reads; /* reads of records */
    uint64_t record_bytes;
    uint64_t merged;       /* probes and records that shared a read with a neighbour */
    uint64_t retries;      /* reads repeated after a short read or an interruption */
    uint64_t system_calls; /* made for these reads; a call that served several batches is counted in
                              one of them */
    uint32_t shards;       /* shards of the batch, each executed by one thread */
    uint32_t levels;       /* entries of `level` in use */
    ikv_level_stats level[IKV_LEVELS_MAX]; /* by depth of the search; level 0 is the first probe */
    const char *backend;      /* where the bytes came from: "pread", "uring", "mmap", a combination
                                 ("mmap+uring"), or "none"; static storage */
    uint32_t ring_features;   /* of the rings used, see ikv_ring_features_text */
    int fallback;             /* code that says why IKV_BACKEND_AUTO could not use io_uring; 0: it
                                 could */
    uint64_t major_faults;    /* times that touching the mapping waited for the disk */
    uint64_t filter_asked;    /* keys looked up in a filter of absent keys, */
    uint64_t filter_answered; /* and those among them that it reported absent: no read was needed */
} ikv_stats;

/* Statistics of the last call on a result, or of a scan so far. Never NULL; valid until the result
 * is used again, or the scan is closed. */
IKV_API const ikv_stats *ikv_result_stats(const ikv_result *result);
IKV_API const ikv_stats *ikv_scan_stats(const ikv_scan *scan);

/* Add the counters of `one` to `total`. Initialise a new total with zeros. */
IKV_API void ikv_stats_add(ikv_stats *total, const ikv_stats *one);

/*
 * The counters as text for Prometheus (exposition format 0.0.4): indexkv_keys_total, and so on.
 * `stats` is a total kept with ikv_stats_add. `labels` is added to each, for instance
 * "store=\"users\"", escaped by the caller; NULL: none. Writes at most `size` bytes, always
 * terminated if size > 0, and returns the length of the whole text without its terminator: call
 * again with a larger buffer if that is not less than `size`. 8 KiB are enough without labels.
 */
IKV_API size_t ikv_stats_prometheus(const ikv_stats *stats, const char *labels, char *buf,
                                    size_t size);

/* The features in ikv_stats.ring_features as text, for instance "defer_taskrun single_issuer
 * files". Writes at most `size` bytes, always terminated if size > 0, and returns `buf`. */
IKV_API const char *ikv_ring_features_text(uint32_t features, char *buf, size_t size);

/* Histogram of read latencies, from submission to processing; buckets are 12 % wide. */
#define IKV_LATENCY_BUCKETS 320

typedef struct ikv_latency {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t min_ns;
    uint64_t max_ns;
    uint64_t bucket[IKV_LATENCY_BUCKETS];
} ikv_latency;

/* Latencies of the last call's index reads at one level of the search, or, with IKV_LATENCY_RECORDS
 * as `level`, of its record reads. NULL: no such reads, or no IKV_GET_LATENCY. Valid until the
 * result is used again. */
#define IKV_LATENCY_RECORDS UINT32_MAX
IKV_API const ikv_latency *ikv_result_latency(const ikv_result *result, uint32_t level);

/* Add one duration, or another histogram. Initialise a new one with zeros. */
IKV_API void ikv_latency_record(ikv_latency *latency, uint64_t nanoseconds);
IKV_API void ikv_latency_add(ikv_latency *total, const ikv_latency *one);
/* Nanoseconds within which `share` (0 to 1) of the reads were done, by the nearest-rank method: the
 * end of the bucket, limited to min_ns and max_ns. 0 if the histogram is empty. */
IKV_API uint64_t ikv_latency_percentile(const ikv_latency *latency, double share);

/* ------------------------------------------------------------- 9. engines --- */

/*
 * Example:
 *
 *     if (ikv_submit(store, keys, 3, NULL, NULL, result, &err) < 0) // returns at once
 *         return -1;
 *     do_something_else();
 *     if (ikv_wait(result, &err) < 0)
 *         return -1;
 *
 * examples/submit.c keeps several batches in progress and waits for them with poll.
 */

/*
 * An engine owns the worker threads that execute lookups, each with its own ring and read buffers.
 * Any number of stores and calling threads may share one. A batch is divided into shards of
 * neighbouring keys. Workers take shards from all stores and batches in turn and keep several in
 * flight, so a large batch does not hold up a small one. See docs/threads.md.
 */
typedef struct ikv_engine_options {
    size_t size;
    uint32_t threads;             /* workers, up to 1024; 0: one per core the process may use */
    uint32_t depth;               /* reads in flight per worker with io_uring, up to 4096; 0: 256 */
    uint32_t max_batches;         /* batches waiting or running; 0: 1024 */
    uint32_t reserved;            /* 0 */
    uint64_t max_bytes_in_flight; /* limit for the bytes being read by all workers together, applied
                                     to io_uring and pread separately; each worker may always have
                                     one read in flight. 0: limited by `depth` only */
} ikv_engine_options;
#define IKV_ENGINE_OPTIONS_INIT IKV_OPTIONS_INIT_(ikv_engine_options)

/* Start an engine; close it with ikv_engine_close. It uses about 52 KiB * depth per worker with a
 * ring, and 160 KiB per worker that uses pread. Errors: IKV_E_INVALID, -ENOMEM, -EAGAIN (no more
 * threads). */
IKV_API IKV_NODISCARD int ikv_engine_new(const ikv_engine_options *options, ikv_engine **ret_engine,
                                         ikv_error *err);

/*
 * Stop an engine; NULL is allowed. Batches waiting or running complete with IKV_E_CANCELED as soon
 * as their reads in flight are done. Returns when all callbacks have returned and all threads have
 * ended. Calls that other threads make on its stores meanwhile, or later, return IKV_E_CANCELED if
 * they need the engine. Must not be called from a callback of the engine. A program may exit
 * without closing its engines.
 */
IKV_API void ikv_engine_close(ikv_engine *engine);

typedef struct ikv_engine_info {
    uint32_t threads; /* like the other limits: the value in effect */
    uint32_t depth;
    uint32_t max_batches;
    uint32_t batches; /* waiting or running now */
    uint64_t max_bytes_in_flight;
} ikv_engine_info;
IKV_API void ikv_engine_get_info(ikv_engine *engine, ikv_engine_info *ret_info);

/* The engine that executes a store's lookups. If it is the store's own, do not close it. NULL only
 * in a child process, if there is no memory for a new engine. */
IKV_API ikv_engine *ikv_store_engine(const ikv_store *store);

/*
 * Called on a worker thread when a batch is done; `code` is what ikv_get_many would have returned.
 * The result belongs to the caller again: it may be read, submitted (then ikv_submit never waits)
 * or freed in the callback. The worker waits for the callback, so it should return soon, and it
 * must not call library functions that wait.
 */
typedef void (*ikv_done_fn)(void *user, ikv_result *result, int code);

/* A queue of completed batches, with a file descriptor to poll. */
typedef struct ikv_completions ikv_completions;

/* If the engine has max_batches already, return -EAGAIN instead of waiting. */
#define IKV_SUBMIT_NONBLOCK 1u

typedef struct ikv_submit_options {
    size_t size;
    /* How the batch completes: at most one of these two. With neither, call ikv_wait. */
    ikv_done_fn on_done;          /* called when it is done */
    ikv_completions *completions; /* it is added to this queue, which must not be freed before */
    void *user;                   /* passed to on_done */
    uint32_t flags;               /* IKV_SUBMIT_* */
} ikv_submit_options;
#define IKV_SUBMIT_OPTIONS_INIT IKV_OPTIONS_INIT_(ikv_submit_options)

/*
 * Start the lookup of many keys and return; the engine's workers execute it. The arguments are
 * those of ikv_get_many. The store, `keys` and what `options` points to must stay valid until the
 * batch is done, `keys` of an exact lookup as long as the result is in use.
 *
 * If 0 is returned, the batch completes exactly once, in the way that `submit_options` selects
 * (NULL: ikv_wait). Otherwise nothing was started: IKV_E_INVALID; -ENOMEM; IKV_E_STATE (the result
 * is busy); -EAGAIN (too many batches, with IKV_SUBMIT_NONBLOCK or from a callback; or no thread
 * could be started); IKV_E_CANCELED (the engine is closed).
 */
IKV_API IKV_NODISCARD int ikv_submit(ikv_store *store, const void *keys, size_t count,
                                     const ikv_get_options *options,
                                     const ikv_submit_options *submit_options, ikv_result *result,
                                     ikv_error *err);

/* Wait for a batch submitted with neither on_done nor completions. Returns what ikv_get_many would
 * have returned, or IKV_E_STATE if there is no such batch. */
IKV_API IKV_NODISCARD int ikv_wait(ikv_result *result, ikv_error *err);

/* Ask a submitted batch to end early, without waiting. It completes as usual, with IKV_E_CANCELED
 * unless it was done before. May be called from any thread while the result is busy, and otherwise
 * from the thread that owns the result. */
IKV_API void ikv_cancel(ikv_result *result);

IKV_API IKV_NODISCARD int ikv_completions_new(ikv_completions **ret_completions, ikv_error *err);
/* A descriptor for poll, select or epoll, readable while ikv_completions_next would return a batch.
 * Do not read from it or close it. */
IKV_API int ikv_completions_fd(const ikv_completions *completions);
/* The next completed batch, or NULL if there is none; never waits. The result belongs to the caller
 * again; ikv_result_code has the batch's code. */
IKV_API ikv_result *ikv_completions_next(ikv_completions *completions);
/* NULL is allowed. No batch may be waiting or running that would complete here. */
IKV_API void ikv_completions_free(ikv_completions *completions);

/* ------------------------------------------------------------- 10. verifying --- */

/*
 * Example:
 *
 *     ikv_verify_report report;
 *     if (ikv_verify(path, NULL, NULL, &report, &err) < 0)
 *         fprintf(stderr, "%s\n", err.message); // the first problem
 */

typedef struct ikv_verify_options {
    size_t size;
    uint64_t memory; /* limit for sorting positions and for buffers, at least 8 MiB, in addition to
                        what opening the store takes; 0: 256 MiB */
    const char *temp_dir; /* for temporary files; NULL: the store's directory */
    void (*on_problem)(void *user, const ikv_error *problem); /* called for each problem, in no
                                                                 particular order; NULL: none */
    ikv_progress_fn on_progress;                              /* NULL: none */
    void *user;                                               /* passed to both */
    uint64_t max_problems;                                    /* stop after this many; 0: 1000 */
} ikv_verify_options;
#define IKV_VERIFY_OPTIONS_INIT IKV_OPTIONS_INIT_(ikv_verify_options)

typedef struct ikv_verify_report {
    uint64_t problems;
    uint64_t records;  /* records checked */
    uint64_t pages;    /* index pages checked, or leaves */
    uint64_t sections; /* trailer sections checked */
    uint64_t bytes;    /* bytes read */
    int has_trailer;   /* 0: a plain v2 file: no checksums, only its structure was checked */
    ikv_layout layout; /* DEFAULT: not known, the store could not be opened */
} ikv_verify_report;

/*
 * Open the store with `open_options` (NULL: defaults), read all of it and check every byte: header,
 * records and their checksums, padding, order and checksums of the index, the correspondence of
 * entries and records, trailer sections, footer. In a store with a trailer every single-bit change
 * is detected.
 *
 * Returns 0 if the store is sound. Otherwise the code of the first problem, which *err describes,
 * or of an error that prevented the check. *ret_report (may be NULL) is set in the first two cases.
 */
IKV_API IKV_NODISCARD int ikv_verify(const char *path, const ikv_open_options *open_options,
                                     const ikv_verify_options *options,
                                     ikv_verify_report *ret_report, ikv_error *err);

/* ------------------------------------------------------------- 11. merging --- */

/*
 * Example:
 *
 *     ikv_store *const stores[] = {base, delta};
 *     ikv_writer_options writer = IKV_WRITER_OPTIONS_INIT;
 *     ikv_merge_options options = IKV_MERGE_OPTIONS_INIT;
 *     writer.on_duplicate = IKV_DUPLICATES_LAST; // pairs of delta replace those of base
 *     options.writer = &writer;
 *     if (ikv_merge(path, stores, 2, &options, NULL, &err) < 0)
 *         return -1;
 */

typedef struct ikv_merge_options {
    size_t size;
    const ikv_writer_options *writer; /* of the new store; NULL: defaults. key_type 0: that of the
                                         stores. Of keys that are in several stores, on_duplicate
                                         FIRST keeps the pair of the first of these stores, LAST
                                         that of the last one */
    uint64_t memory; /* limit for reading, at least 8 MiB, in addition to writer->memory: values
                        read ahead (at least 1 MiB per store) and lists of keys, which are sorted
                        in temporary files if they are larger; 0: 256 MiB */
    /* Supply keys (ikv_pair.key) in any order, as `next` of ikv_build does; NULL: none. Pairs with
     * a key of the first list are left out, whichever store they are in. With a second list, so are
     * all pairs whose key is not in it. Keys that no store has are ignored. */
    ikv_next_fn next_delete;
    ikv_next_fn next_select;
    void *user; /* passed to both */
} ikv_merge_options;
#define IKV_MERGE_OPTIONS_INIT IKV_OPTIONS_INIT_(ikv_merge_options)

typedef struct ikv_merge_stats {
    ikv_build_stats written; /* `dropped`: pairs whose key another store had, too */
    uint64_t read;           /* pairs in all stores */
    uint64_t deleted;        /* of these, left out because next_delete supplied their key */
} ikv_merge_stats;

/*
 * Write the pairs of `count` stores, which have the same key type, to a new store at `path`, as a
 * writer does: streaming, in bounded memory, published atomically. Stores of ranges make a store of
 * ranges (writer->on_overlap); keys of the two lists are then first keys of ranges. `path` may be
 * that of one of the stores. The inputs may have any layout, and be plain v2 files; records of the
 * new store are in key order. Metadata is not copied. With the same inputs, options and store id
 * the result has the same bytes.
 *
 * While pairs are read, writer->on_progress is called with the phase "merge". ret_stats may be
 * NULL. Errors: those of a writer and of ikv_scan_next (a damaged or unreadable record fails the
 * call), IKV_E_DUPLICATE (a key is in several stores, IKV_DUPLICATES_ERROR),
 * IKV_E_KEY_TYPE_MISMATCH, IKV_E_UNSUPPORTED (stores of ranges and others), a negative code that
 * next_delete or next_select returned.
 */
IKV_API IKV_NODISCARD int ikv_merge(const char *path, ikv_store *const *stores, size_t count,
                                    const ikv_merge_options *options, ikv_merge_stats *ret_stats,
                                    ikv_error *err);

/* ------------------------------------------------------------- 12. downloading --- */

/*
 * Example:
 *
 *     ikv_fetch_stats fetched;
 *     if (ikv_fetch(url, path, NULL, NULL, &fetched, &err) < 0)
 *         fprintf(stderr, "%s\n", err.message); // the next call continues where this one stopped
 */

typedef struct ikv_fetch_options {
    size_t size;
    ikv_progress_fn on_progress; /* phase "fetch", then those of ikv_verify; NULL: none */
    void *user;                  /* passed to on_progress */
} ikv_fetch_options;
#define IKV_FETCH_OPTIONS_INIT IKV_OPTIONS_INIT_(ikv_fetch_options)

typedef struct ikv_fetch_stats {
    uint64_t file_size;
    uint64_t resumed;  /* bytes that an earlier call had fetched */
    uint64_t fetched;  /* bytes fetched by this call */
    uint64_t requests; /* sent by this call */
    uint64_t retries;  /* of these, repeated */
} ikv_fetch_stats;

/*
 * Download the store at an http:// or https:// URL to `path`: in pieces of 1 MiB, several at a
 * time, to the file PATH.partial, which is verified as by ikv_verify, synced and then renamed to
 * `path`. Until then an existing file at `path` is left alone. If the call fails, PATH.partial
 * stays; a later call for the same state of the object fetches the rest only, and begins anew if
 * the object was replaced, or if the server gives neither an ETag nor a modification time.
 *
 * Of `open_options` (NULL: defaults) key_type, stride, index_memory and http are used. Memory: 1
 * MiB for each of up to 32 connections, then that of ikv_verify. ret_stats may be NULL. Errors:
 * those of ikv_open, of failed requests and of ikv_verify (PATH.partial is then not continued);
 * IKV_E_INVALID (not a URL); IKV_E_NOT_REGULAR (`path` is not a regular file); -EBUSY (another
 * process or thread is downloading to `path`); IKV_E_CANCELED (on_progress); IKV_E_DURABILITY.
 */
IKV_API IKV_NODISCARD int ikv_fetch(const char *url, const char *path,
                                    const ikv_open_options *open_options,
                                    const ikv_fetch_options *options, ikv_fetch_stats *ret_stats,
                                    ikv_error *err);

/* ------------------------------------------------------------- 13. version --- */

/*
 * Example:
 *
 *     if (ikv_version_number() < IKV_VERSION_NUMBER)
 *         fprintf(stderr, "library %s, header %s\n", ikv_version(), IKV_VERSION_STRING);
 */

#define IKV_VERSION_MAJOR  0
#define IKV_VERSION_MINOR  1
#define IKV_VERSION_PATCH  0
#define IKV_VERSION_STRING "0.1.0"
#define IKV_VERSION_NUMBER (IKV_VERSION_MAJOR * 10000 + IKV_VERSION_MINOR * 100 + IKV_VERSION_PATCH)

/* The version of the linked library, in the form of IKV_VERSION_NUMBER. */
IKV_API int ikv_version_number(void);
/* The same as text, for instance "0.1.0". Static storage. */
IKV_API const char *ikv_version(void);

#ifdef __cplusplus
}
#endif
#endif /* INDEXKV_H */
