/* manifest.json: reading and publishing it. */
#include "shards/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* DIR/NAME; NULL: no memory. */
static char *joined(const char *dir, const char *name)
{
    const size_t size = strlen(dir) + 1 + strlen(name) + 1;
    char *path = malloc(size);
    if (path != NULL)
        (void)snprintf(path, size, "%s/%s", dir, name);
    return path;
}

bool ikv_is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---------------------------------------------------------------- reading */

/* `ret_text` has room for `size` bytes. */
static int read_all(int fd, char *text, size_t size)
{
    for (size_t used = 0; used < size;) {
        const ssize_t n = read(fd, text + used, size - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO; /* it was truncated just now */
        used += (size_t)n;
    }
    return 0;
}

static int read_text(const char *path, char **ret_text, size_t *ret_size, uint32_t *ret_mode,
                     ikv_error *err)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return ikv_shards_fail(err, -errno, path, "%s", ikv_strerror(-errno));
    int code = fstat(fd, &st) < 0 ? -errno : 0;
    if (code == 0 && (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > IKV_MANIFEST_SIZE_MAX))
        code = IKV_E_NOT_STORE;
    char *text = code == 0 ? malloc((size_t)st.st_size + 1) : NULL;
    if (code == 0)
        code = text == NULL ? -ENOMEM : read_all(fd, text, (size_t)st.st_size);
    (void)close(fd);
    if (code < 0) {
        free(text);
        return ikv_shards_fail(err, code, path, "%s",
                               code == IKV_E_NOT_STORE ? "not the manifest of a sharded table"
                                                       : ikv_strerror(code));
    }
    *ret_text = text;
    *ret_size = (size_t)st.st_size;
    *ret_mode = (uint32_t)st.st_mode & 0777;
    return 0;
}

int ikv_manifest_read(const char *dir, struct ikv_manifest **ret, ikv_error *err)
{
    char *text = NULL;
    size_t size = 0;
    uint32_t mode = 0;
    char *path = joined(dir, IKV_MANIFEST_NAME);
    if (path == NULL)
        return ikv_shards_fail(err, -ENOMEM, dir, "%s", ikv_strerror(-ENOMEM));
    int code = read_text(path, &text, &size, &mode, err);
    if (code == -ENOENT && ikv_is_directory(dir))
        code = ikv_shards_fail(err, IKV_E_NOT_REGULAR, dir,
                               "a directory, but not a sharded table: it has no %s",
                               IKV_MANIFEST_NAME);
    if (code == 0)
        code = ikv_manifest_decode(path, dir, text, size, ret, err);
    if (code == 0)
        (*ret)->mode = mode;
    free(text);
    free(path);
    return code;
}

/* ---------------------------------------------------------------- publishing */

int ikv_shards_write(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        const ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

static int write_synced(int fd, const char *text, size_t size, uint32_t mode)
{
    if (mode != 0 && fchmod(fd, (mode_t)mode) < 0)
        return -errno;
    const int code = ikv_shards_write(fd, text, size);
    return code == 0 && fsync(fd) < 0 ? -errno : code;
}

/* The id of the build makes the name of the temporary file its own; one left by a build that was
 * killed is replaced. */
static int write_temporary(int dir, const char *name, const char *text, size_t size, uint32_t mode)
{
    if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
        return -errno;
    const int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int code = write_synced(fd, text, size, mode);
    if (close(fd) < 0 && code == 0)
        code = -errno;
    if (code < 0)
        (void)unlinkat(dir, name, 0);
    return code;
}

static int replace(const struct ikv_manifest *manifest, int dir, const char *text, size_t size,
                   ikv_error *err)
{
    char name[IKV_SHARD_NAME_SIZE + 16], shard[IKV_SHARD_NAME_SIZE];
    ikv_shard_name(manifest->table_id, 0, shard);
    (void)snprintf(name, sizeof name, ".%s.manifest.tmp", shard);
    int code = write_temporary(dir, name, text, size, manifest->mode);
    if (code == 0 && renameat(dir, name, dir, IKV_MANIFEST_NAME) < 0) {
        code = -errno;
        (void)unlinkat(dir, name, 0);
    }
    if (code == 0 && manifest->journal != NULL)
        (void)unlinkat(dir, manifest->journal, 0);
    if (code < 0)
        return ikv_shards_fail(err, code, manifest->dir, "the manifest could not be written: %s",
                               ikv_strerror(code));
    if (fsync(dir) < 0)
        return ikv_shards_fail(err, IKV_E_DURABILITY, manifest->dir, "%s",
                               ikv_strerror(IKV_E_DURABILITY));
    return 0;
}

/* Whether a place, in any directory, has a name that begins with these characters. */
static bool has_file(const struct ikv_manifest *manifest, const char *begin, size_t length)
{
    for (size_t i = 0; i < manifest->shard_count; i++)
        for (size_t j = 0; j < manifest->shards[i].path_count; j++) {
            const char *path = manifest->shards[i].paths[j], *slash = strrchr(path, '/');
            if (strncmp(slash != NULL ? slash + 1 : path, begin, length) == 0)
                return true;
        }
    return false;
}

bool ikv_manifest_has_names(const struct ikv_manifest *manifest, const unsigned char name_id[16])
{
    char name[IKV_SHARD_NAME_SIZE];
    ikv_shard_name(name_id, 0, name);
    return has_file(manifest, name, (size_t)(strrchr(name, '-') - name) + 1);
}

static bool is_own_file(const char *path)
{
    return strncmp(path, "shard-", 6) == 0 && strchr(path, '/') == NULL;
}

/* Failures don't matter: the new table is in place. */
static void remove_old(const struct ikv_manifest *old, const struct ikv_manifest *now, int dir)
{
    for (size_t i = 0; i < old->shard_count; i++)
        for (size_t j = 0; j < old->shards[i].path_count; j++)
            if (is_own_file(old->shards[i].paths[j]) &&
                !has_file(now, old->shards[i].paths[j], strlen(old->shards[i].paths[j]) + 1))
                (void)unlinkat(dir, old->shards[i].paths[j], 0);
}

void ikv_shard_name_id(const char *dir, const unsigned char table_id[16],
                       unsigned char ret_name_id[16])
{
    struct ikv_manifest *old = NULL;
    memcpy(ret_name_id, table_id, 16);
    if (ikv_manifest_read(dir, &old, NULL) == 0)
        for (size_t i = SIZE_MAX; ikv_manifest_has_names(old, ret_name_id); i--)
            ikv_shard_store_id(table_id, i, ret_name_id);
    ikv_manifest_free(old);
}

int ikv_manifest_publish(const struct ikv_manifest *manifest, ikv_error *err)
{
    char *text = NULL;
    size_t size = 0;
    int code = ikv_manifest_check(manifest, manifest->dir, err);
    if (code == 0)
        code = ikv_manifest_encode(manifest, &text, &size, err);
    if (code < 0)
        return code;
    const int dir = open(manifest->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        code = -errno;
        free(text);
        return ikv_shards_fail(err, code, manifest->dir, "%s", ikv_strerror(code));
    }
    struct ikv_manifest *old = NULL;
    if (ikv_manifest_read(manifest->dir, &old, NULL) < 0)
        old = NULL; /* none, or damaged: its files stay */
    code = replace(manifest, dir, text, size, err);
    if (code == 0 && old != NULL)
        remove_old(old, manifest, dir);
    ikv_manifest_free(old);
    free(text);
    (void)close(dir);
    return code;
}
