#include "core/output/target.h"

#include "core/io/file_io.h"
#include "core/platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check(const struct ikv_target *target, ikv_error *err)
{
    struct stat st;

    if (fstatat(target->dir_fd, target->name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return 0;
        return ikv_fail(err, -errno, IKV_AT_FILE(target->path), "cannot stat");
    }
    if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        return ikv_fail(err, IKV_E_NOT_REGULAR, IKV_AT_FILE(target->path),
                        S_ISDIR(st.st_mode) ? "cannot replace a directory" : "cannot replace");
    return 0;
}

int ikv_target_open(struct ikv_target *target, const char *path, ikv_error *err)
{
    *target = IKV_NO_TARGET;
    const char *slash = strrchr(path, '/');

    if (path[0] == 0 || (slash && slash[1] == 0))
        return ikv_fail(err, IKV_E_INVALID, IKV_AT_FILE(path), "the path does not name a file");
    target->path = malloc(strlen(path) + 1);
    target->dir = ikv_directory_of(path);
    if (!target->path || !target->dir) {
        ikv_target_close(target);
        return ikv_fail(err, -ENOMEM, IKV_AT_FILE(path), "cannot create");
    }
    memcpy(target->path, path, strlen(path) + 1);
    target->name = slash ? target->path + (slash - path) + 1 : target->path;

    target->dir_fd = open(target->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int code = target->dir_fd < 0
                         ? ikv_fail(err, -errno, IKV_AT_FILE(path), "cannot open its directory")
                         : check(target, err);
    if (code < 0)
        ikv_target_close(target);
    return code;
}

int ikv_target_publish(const struct ikv_target *target, const char *temp_name, ikv_error *err)
{
    const struct ikv_where at = IKV_AT_FILE(target->path);

    if (renameat(target->dir_fd, temp_name, target->dir_fd, target->name) != 0)
        return ikv_fail(err, -errno, at, "cannot rename the temporary file");
    if (ikv_platform_sync(target->dir_fd) != 0)
        return ikv_fail(err, IKV_E_DURABILITY, at, "%s", ikv_strerror(-errno));
    return 0;
}

void ikv_target_close(struct ikv_target *target)
{
    if (target->dir_fd >= 0)
        (void)close(target->dir_fd);
    free(target->path);
    free(target->dir);
    *target = IKV_NO_TARGET;
}
