/*
 * The manifest of a sharded table: a directory with the file manifest.json and stores, the shards,
 * each with the pairs of a range of keys. FORMAT.md, section 15.
 *
 * Functions return 0 or a negative code of indexkv.h; the message in *err (may be NULL) names the
 * file and what is wrong:
 *   IKV_E_NOT_REGULAR  a directory without manifest.json
 *   IKV_E_NOT_STORE    manifest.json is something else
 *   IKV_E_VERSION      a manifest of another format version
 *   IKV_E_HEADER       a damaged manifest: its checksum, a member, or its ranges of keys
 *   IKV_E_CHANGED      a store is not the one that the manifest lists, but of another build
 *   -ENOMEM, -errno
 */
#ifndef IKV_MANIFEST_H
#define IKV_MANIFEST_H

#include <indexkv.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IKV_MANIFEST_NAME "manifest.json"
enum { IKV_MANIFEST_VERSION = 1 };

/* Limits: of shards in a table, of places of a shard, and of the file. */
enum { IKV_SHARDS_MAX = 1 << 20, IKV_SHARD_PATHS_MAX = 64 };
#define IKV_MANIFEST_SIZE_MAX ((size_t)1 << 30)

/* A store of the table, with at least one pair. */
struct ikv_shard {
    char **paths; /* its places, in the order in which they are tried: names in the directory of the
                     table, absolute paths, or URLs */
    size_t path_count;                      /* at least 1 */
    unsigned char first[IKV_KEY_WIDTH_MAX]; /* its smallest and its greatest key, host byte order */
    unsigned char last[IKV_KEY_WIDTH_MAX];
    uint64_t pairs;
    uint64_t value_bytes;
    uint64_t size; /* of the file */
    unsigned char store_id[16];
};

/* A table. Shards are in key order and do not overlap. A table without pairs has no shards. */
struct ikv_manifest {
    char *dir; /* of the table */
    ikv_key_type key_type;
    ikv_layout layout;          /* of all shards */
    bool has_ranges;            /* all shards are stores of ranges */
    unsigned char table_id[16]; /* of the build */
    uint64_t pairs;             /* sums of the shards */
    uint64_t value_bytes;
    uint32_t value_size_min; /* over all shards; 0 without pairs */
    uint32_t value_size_max;
    struct ikv_shard *shards;
    size_t shard_count;
    uint64_t
        *order; /* of a manifest that was read, for the search: the first keys of all shards, then
                   the last ones, as numbers in the order of the keys; see shard_of.c. NULL: none */
    uint32_t mode; /* permission bits of the file, when it is published; 0: 0666 less the umask. Of
                      a manifest that was read: those of its file */
    uint64_t checksum;   /* of a manifest that was read: that of its file */
    const char *journal; /* a file of the directory that is removed when the manifest is published,
                            because the table is no longer being built; NULL: none */
};

/* ---------------------------------------------------------------- making one */

/* An empty table in `dir`. `table_id` has 16 bytes; NULL: random. Free with ikv_manifest_free. */
int ikv_manifest_new(const char *dir, ikv_key_type type, ikv_layout layout, bool has_ranges,
                     const unsigned char *table_id, struct ikv_manifest **ret, ikv_error *err);
void ikv_manifest_free(struct ikv_manifest *manifest); /* NULL is allowed */

/* The facts that a manifest records of a store: `shard` without paths, and what the table sums up.
 * Plain data, for sending to another process. */
struct ikv_shard_facts {
    ikv_key_type key_type;
    int32_t layout;
    int32_t has_ranges;
    uint32_t value_size_min, value_size_max;
    uint64_t pairs, value_bytes, size;
    unsigned char store_id[16];
    unsigned char first[IKV_KEY_WIDTH_MAX], last[IKV_KEY_WIDTH_MAX];
};

/* Looks up the smallest and the greatest key. IKV_E_UNSUPPORTED: a plain v2 file. In an empty store
 * `pairs` is 0, and first and last are not set. */
int ikv_shard_facts_of(ikv_store *store, struct ikv_shard_facts *ret, ikv_error *err);

/*
 * Add a shard after those that the manifest has. Copies all arguments. An empty one is left out:
 * its file is not part of the table. IKV_E_INVALID: another key type, layout or kind of store, keys
 * that are not above those before, or a path that a manifest can't have.
 */
int ikv_manifest_add(struct ikv_manifest *manifest, const struct ikv_shard_facts *facts,
                     const char *const *paths, size_t path_count, ikv_error *err);

/* List another place of a shard, before or after those it has; or take one from the list, which
 * must keep one. IKV_E_INVALID: not possible. The manifest is to be published again. */
int ikv_manifest_add_place(struct ikv_manifest *manifest, size_t shard, const char *path,
                           bool first, ikv_error *err);
int ikv_manifest_remove_place(struct ikv_manifest *manifest, size_t shard, size_t place,
                              ikv_error *err);

/*
 * The name of the file of shard `index`, and the store id for it: the same table id gives the same
 * files. Names are made from the first 8 bytes of the table's id, or of what ikv_shard_name_id
 * returns: another id if the table in `dir`, which is to be replaced, lists files with such names,
 * so that these stay until then.
 */
#define IKV_SHARD_NAME_SIZE 64
void ikv_shard_name_id(const char *dir, const unsigned char table_id[16],
                       unsigned char ret_name_id[16]);
void ikv_shard_name(const unsigned char name_id[16], size_t index, char name[IKV_SHARD_NAME_SIZE]);
/* Whether a table lists a file, in any directory, with a name of these. */
bool ikv_manifest_has_names(const struct ikv_manifest *manifest, const unsigned char name_id[16]);
void ikv_shard_store_id(const unsigned char table_id[16], size_t index, unsigned char ret_id[16]);

/* ---------------------------------------------------------------- reading and publishing */

/* The text of a manifest, and back. `path` is for messages; relative places of shards start at
 * `dir`. Free the text with free(). */
int ikv_manifest_encode(const struct ikv_manifest *manifest, char **ret_text, size_t *ret_size,
                        ikv_error *err);
int ikv_manifest_decode(const char *path, const char *dir, const char *text, size_t size,
                        struct ikv_manifest **ret, ikv_error *err);

/* Whether `path` is a directory, which ikv_open would refuse. */
bool ikv_is_directory(const char *path);

/* Read DIR/manifest.json. Opens no shard. */
int ikv_manifest_read(const char *dir, struct ikv_manifest **ret, ikv_error *err);

/*
 * A command that publishes a manifest has the lock of its directory, from before it reads the
 * manifest in place and creates files until it has published its own. So nobody removes files of
 * another one, and no manifest is lost. -EBUSY: another process has it. The lock is one of fcntl on
 * the file ".ikv-lock", which is removed at the end. It ends with its process, and works over NFS.
 * Where a file system has no locks, every process gets it. One process takes it once.
 */
struct ikv_table_lock;
int ikv_table_lock(const char *dir, struct ikv_table_lock **ret, ikv_error *err);
void ikv_table_unlock(struct ikv_table_lock *lock); /* NULL is allowed */

/*
 * Make the manifest that of its directory, in one step: written to a temporary file, synced,
 * renamed, the journal removed, the directory synced. The shards must be complete and durable. Then
 * files named "shard-..." in the directory that only the manifest before listed are removed. On
 * failure the table is unchanged, except after IKV_E_DURABILITY.
 */
int ikv_manifest_publish(const struct ikv_manifest *manifest, ikv_error *err);

/* ---------------------------------------------------------------- using one */

#define IKV_NO_SHARD SIZE_MAX

/*
 * The shard that has the answer for a key, or IKV_NO_SHARD: then the table has none. There is only
 * one such shard for every kind of match, since first and last are keys that are present: floor
 * and range are answered by the last shard with first <= key, ceiling by the first with key <=
 * last. Binary search.
 */
size_t ikv_manifest_shard_of(const struct ikv_manifest *manifest, const void *key, ikv_match match);

/* The path of a place, to be opened: joined with the directory if it is relative. Free with free();
 * NULL: no memory. */
char *ikv_shard_path(const struct ikv_manifest *manifest, size_t shard, size_t place);

/*
 * Open a shard at the first of its places, in order and starting with `place`, where the store that
 * the manifest lists can be opened. *ret_place (may be NULL) is that place. If none works, the
 * message has the reason for the first one tried.
 */
int ikv_shard_open(const struct ikv_manifest *manifest, size_t shard, size_t place,
                   const ikv_open_options *options, ikv_store **ret_store, size_t *ret_place,
                   ikv_error *err);

/* Compare an open store with what the manifest lists: store id, size, pairs, key type, layout.
 * IKV_E_CHANGED names the shard, the file and the first difference. */
int ikv_shard_check(const struct ikv_manifest *manifest, size_t shard, const char *path,
                    const ikv_store *store, ikv_error *err);

/* Write all bytes to a file. Returns 0 or -errno. */
int ikv_shards_write(int fd, const void *bytes, size_t size);

/* ---------------------------------------------------------------- for this folder */

/* Fill *err with "FILE: TEXT", or without a file (NULL) with "TEXT", and return the code. A long
 * path is shortened at the front. */
int ikv_shards_fail(ikv_error *err, int code, const char *file, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int ikv_shards_vfail(ikv_error *err, int code, const char *file, const char *format,
                     va_list arguments) __attribute__((format(printf, 4, 0)));

/* Whether a manifest may have this text as the place of a shard. */
bool ikv_shard_path_valid(const char *path);

/* Make `order`, when no shards will be added. Returns 0 or -ENOMEM. */
int ikv_manifest_index(struct ikv_manifest *manifest);

/* Check order, ranges and sums of all shards. `path` is for messages. */
int ikv_manifest_check(const struct ikv_manifest *manifest, const char *path, ikv_error *err);

#endif
