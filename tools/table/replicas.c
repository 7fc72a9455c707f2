#include "table/replicas.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/signals.h"
#include "options/url_options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

/* A path of a copy in the directory. It has the name of the file that is copied; URLs may end in
 * anything, so a copy from there is named after the table and the shard. */
static char *joined(const struct replicas *replicas, const char *prefix, size_t shard,
                    const char *from)
{
    char name[IKV_SHARD_NAME_SIZE];
    const char *last = strrchr(from, '/');
    last = last != NULL ? last + 1 : from;
    if (is_url(from)) {
        ikv_shard_name(replicas->manifest->table_id, shard, name);
        last = name;
    }
    const size_t size = strlen(replicas->dir) + strlen(prefix) + strlen(last) + 2;
    char *path = malloc(size);
    if (path != NULL)
        (void)snprintf(path, size, "%s/%s%s", replicas->dir, prefix, last);
    return path;
}

/* Whether a place of a shard is in the directory of copies. */
static bool is_there(const struct replicas *replicas, size_t shard, size_t place)
{
    char *path = ikv_shard_path(replicas->manifest, shard, place);
    char resolved[PATH_MAX];
    bool there = false;
    char *slash = path == NULL ? NULL : strrchr(path, '/');
    if (slash != NULL && slash != path) {
        *slash = '\0';
        there = realpath(path, resolved) != NULL && strcmp(resolved, replicas->dir) == 0;
    }
    free(path);
    return there;
}

/* ---------------------------------------------------------------- copying */

/* Returns 0, -errno, or IKV_E_CANCELED after a signal. */
static int copy_bytes(struct replicas *replicas, int from, int to, char *piece)
{
    for (;;) {
        const ssize_t n = read(from, piece, PIECE);
        if (n < 0 && errno == EINTR && !signals_caught())
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return fsync(to) < 0 ? -errno : 0;
        const int code = ikv_shards_write(to, piece, (size_t)n);
        if (code < 0)
            return code;
        replicas->bytes += (uint64_t)n;
        progress_update(replicas->progress, &(struct progress_point){.phase = "copy",
                                                                     .count = replicas->bytes,
                                                                     .unit = "bytes",
                                                                     .done = replicas->bytes,
                                                                     .total = replicas->total});
        if (signals_caught())
            return IKV_E_CANCELED;
    }
}

/* Copy all of an open file to a new one. */
static int copy_to(struct replicas *replicas, int from, const char *path, char *piece)
{
    (void)unlink(path); /* left by a copy that was killed */
    struct stat st;
    const int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int code = to < 0 ? -errno : copy_bytes(replicas, from, to, piece);
    if (code == 0 && (fstat(from, &st) < 0 || fchmod(to, st.st_mode & 0777) < 0))
        code = -errno;
    if (to >= 0 && close(to) < 0 && code == 0)
        code = -errno;
    if (code < 0 && code != IKV_E_CANCELED)
        message("%s: %s", path, ikv_strerror(code));
    return code;
}

static int copy_file(struct replicas *replicas, const char *from_path, const char *to_path)
{
    char *piece = malloc(PIECE);
    const int from = open(from_path, O_RDONLY | O_CLOEXEC);
    int code = from < 0 ? -errno : piece == NULL ? -ENOMEM : 0;
    if (code < 0)
        message("%s: %s", from_path, ikv_strerror(code));
    else
        code = copy_to(replicas, from, to_path, piece);
    if (from >= 0)
        (void)close(from);
    free(piece);
    return code == IKV_E_CANCELED ? STATUS_INTERRUPTED : code < 0 ? STATUS_IO : STATUS_DONE;
}

/* What a stopped download leaves is continued by the next one. */
static int download(struct replicas *replicas, const char *url, const char *to_path)
{
    ikv_fetch_options options = IKV_FETCH_OPTIONS_INIT;
    ikv_fetch_stats stats;
    ikv_error error;
    options.on_progress = progress_from_library;
    options.user = replicas->progress;
    const int code = ikv_fetch(url, to_path, NULL, &options, &stats, &error);
    if (code == IKV_E_CANCELED)
        return STATUS_INTERRUPTED;
    if (code < 0)
        return library_error(&error);
    replicas->bytes += stats.file_size;
    return STATUS_DONE;
}

static int sync_directory(const char *dir)
{
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int code = fd < 0 || fsync(fd) < 0 ? -errno : 0;
    if (fd >= 0)
        (void)close(fd);
    if (code < 0)
        message("%s: %s", dir, ikv_strerror(code));
    return code < 0 ? STATUS_IO : STATUS_DONE;
}

/* Every byte of the copy is read again before it is listed. */
static int put_in_place(const struct replicas *replicas, size_t shard, const char *temporary,
                        const char *path)
{
    ikv_store *store = NULL;
    ikv_error error;
    int code = ikv_open(temporary, NULL, &store, &error);
    if (code == 0)
        code = ikv_shard_check(replicas->manifest, shard, temporary, store, &error);
    ikv_close(store);
    if (code == 0)
        code = ikv_verify(temporary, NULL, NULL, NULL, &error);
    if (code < 0)
        return library_error(&error);
    if (rename(temporary, path) == 0)
        return sync_directory(replicas->dir);
    message("%s: %s", path, strerror(errno));
    return STATUS_IO;
}

/* The first place where the shard is sound enough to be opened. */
static int find_source(const struct replicas *replicas, size_t shard, char **ret_path)
{
    ikv_store *store;
    ikv_error error;
    size_t place;
    if (ikv_shard_open(replicas->manifest, shard, 0, NULL, &store, &place, &error) < 0)
        return library_error(&error);
    ikv_close(store);
    *ret_path = ikv_shard_path(replicas->manifest, shard, place);
    if (*ret_path == NULL)
        return out_of_memory();
    return STATUS_DONE;
}

int replicas_copy(struct replicas *replicas, size_t shard)
{
    const struct ikv_shard *listed = &replicas->manifest->shards[shard];
    for (size_t place = 0; place < listed->path_count; place++)
        if (is_there(replicas, shard, place))
            return STATUS_DONE;
    char *from = NULL;
    int status = find_source(replicas, shard, &from);
    if (status != STATUS_DONE || from == NULL)
        return status;
    char *path = joined(replicas, "", shard, from);
    char *temporary = joined(replicas, ".tmp-", shard, from);
    ikv_error error;
    if (path == NULL || temporary == NULL)
        status = out_of_memory();
    else
        status = is_url(from) ? download(replicas, from, temporary)
                              : copy_file(replicas, from, temporary);
    if (status == STATUS_DONE)
        status = put_in_place(replicas, shard, temporary, path);
    if (status != STATUS_DONE && temporary != NULL)
        (void)unlink(temporary);
    if (status == STATUS_DONE &&
        ikv_manifest_add_place(replicas->manifest, shard, path, replicas->first, &error) < 0)
        status = library_error(&error);
    replicas->copied += status == STATUS_DONE;
    free(temporary);
    free(path);
    free(from);
    return status;
}

/* ---------------------------------------------------------------- removing */

int replicas_remove(struct replicas *replicas, size_t shard, char **ret_path)
{
    const struct ikv_shard *listed = &replicas->manifest->shards[shard];
    ikv_error error;
    *ret_path = NULL;
    for (size_t place = 0; place < listed->path_count; place++) {
        if (!is_there(replicas, shard, place))
            continue;
        char *path = ikv_shard_path(replicas->manifest, shard, place);
        if (path == NULL)
            return out_of_memory();
        if (ikv_manifest_remove_place(replicas->manifest, shard, place, &error) < 0) {
            free(path);
            return library_error(&error);
        }
        *ret_path = path;
        replicas->removed++;
        return STATUS_DONE;
    }
    return STATUS_DONE;
}

int replicas_publish(const struct replicas *replicas)
{
    const struct ikv_manifest *manifest = replicas->manifest;
    struct ikv_manifest *now;
    ikv_error error;
    if (ikv_manifest_read(manifest->dir, &now, &error) < 0)
        return library_error(&error);
    const bool same = now->checksum == manifest->checksum;
    ikv_manifest_free(now);
    if (!same) {
        message("%s: the table or its list of copies was changed meanwhile", manifest->dir);
        return STATUS_IO;
    }
    return ikv_manifest_publish(manifest, &error) < 0 ? library_error(&error) : STATUS_DONE;
}
