#include "tmpdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void test_die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("test set-up failed: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

void *must_malloc(size_t size)
{
    void *memory = malloc(size > 0 ? size : 1);

    if (memory == NULL)
        test_die("no memory for %zu bytes", size);
    return memory;
}

void *must_realloc(void *old, size_t size)
{
    void *memory = realloc(old, size > 0 ? size : 1);

    if (memory == NULL)
        test_die("no memory for %zu bytes", size);
    return memory;
}

/* ---------------------------------------------------------------- directories */

static void make_under(tmpdir *dir, const char *parent)
{
    int length = snprintf(dir->path, sizeof(dir->path), "%s/indexkv-test-XXXXXX", parent);

    if (length < 0 || (size_t)length >= sizeof(dir->path))
        test_die("path too long: %s", parent);
    if (mkdtemp(dir->path) == NULL)
        test_die("mkdtemp %s: %s", dir->path, strerror(errno));
}

void tmpdir_make(tmpdir *ret_dir)
{
    const char *parent = getenv("TMPDIR");

    make_under(ret_dir, parent != NULL && parent[0] != '\0' ? parent : ".");
}

void tmpdir_make_in_memory(tmpdir *ret_dir)
{
    if (access("/dev/shm", W_OK | X_OK) == 0)
        make_under(ret_dir, "/dev/shm");
    else
        tmpdir_make(ret_dir);
}

void tmpdir_make_inside(const tmpdir *parent, tmpdir *ret_dir)
{
    make_under(ret_dir, parent->path);
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *ftw)
{
    (void)status;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* nftw cannot enter a directory without permissions, so grant them first. */
static int permit_one(const char *path, const struct stat *status, int flag, struct FTW *ftw)
{
    (void)status;
    (void)ftw;
    if (flag == FTW_D || flag == FTW_DNR)
        (void)chmod(path, 0700);
    return 0;
}

void tmpdir_remove(const tmpdir *dir)
{
    (void)nftw(dir->path, permit_one, 16, FTW_PHYS);
    if (nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        test_die("remove %s: %s", dir->path, strerror(errno));
}

char *tmpdir_file(const tmpdir *dir, const char *name)
{
    size_t size = strlen(dir->path) + 1 + strlen(name) + 1;
    char *path = must_malloc(size);

    snprintf(path, size, "%s/%s", dir->path, name);
    return path;
}

static int is_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

char *tmpdir_list(const tmpdir *dir)
{
    struct dirent **entries;
    int count = scandir(dir->path, &entries, is_entry, by_name);
    char *list = must_malloc(1);
    size_t size = 0;

    if (count < 0)
        test_die("scandir %s: %s", dir->path, strerror(errno));
    for (int i = 0; i < count; i++) {
        size_t length = strlen(entries[i]->d_name);

        list = must_realloc(list, size + length + 2);
        memcpy(list + size, entries[i]->d_name, length);
        size += length;
        list[size++] = '\n';
        free(entries[i]);
    }
    list[size] = '\0';
    free(entries);
    return list;
}

size_t tmpdir_count(const tmpdir *dir)
{
    char *list = tmpdir_list(dir);
    size_t count = 0;

    for (const char *at = list; *at != '\0'; at++)
        count += *at == '\n';
    free(list);
    return count;
}

int tmpdir_setup(void **state)
{
    tmpdir *dir = must_malloc(sizeof(*dir));

    tmpdir_make_in_memory(dir);
    *state = dir;
    return 0;
}

int tmpdir_teardown(void **state)
{
    tmpdir_remove(*state);
    free(*state);
    return 0;
}

/* ---------------------------------------------------------------- files */

static int open_or_die(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0666);

    if (fd < 0)
        test_die("open %s: %s", path, strerror(errno));
    return fd;
}

static void close_or_die(int fd, const char *path)
{
    if (close(fd) != 0)
        test_die("close %s: %s", path, strerror(errno));
}

static void write_at(int fd, const char *path, uint64_t offset, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;

    while (size > 0) {
        ssize_t n = pwrite(fd, from, size, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            test_die("write %s: %s", path, strerror(errno));
        from += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
}

unsigned char *file_read(const char *path, size_t *ret_size)
{
    int fd = open_or_die(path, O_RDONLY);
    size_t size = 0;
    size_t room = 65536;
    unsigned char *bytes = must_malloc(room);

    for (;;) {
        ssize_t n = read(fd, bytes + size, room - size - 1);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            test_die("read %s: %s", path, strerror(errno));
        if (n == 0)
            break;
        size += (size_t)n;
        if (size + 1 == room) {
            room *= 2;
            bytes = must_realloc(bytes, room);
        }
    }
    bytes[size] = '\0';
    close_or_die(fd, path);
    *ret_size = size;
    return bytes;
}

void file_write(const char *path, const void *bytes, size_t size)
{
    int fd = open_or_die(path, O_WRONLY | O_CREAT | O_TRUNC);

    write_at(fd, path, 0, bytes, size);
    close_or_die(fd, path);
}

void file_patch(const char *path, uint64_t offset, const void *bytes, size_t size)
{
    int fd = open_or_die(path, O_WRONLY);

    write_at(fd, path, offset, bytes, size);
    close_or_die(fd, path);
}

void file_flip_bit(const char *path, uint64_t bit)
{
    int fd = open_or_die(path, O_RDWR);
    unsigned char byte;

    if (pread(fd, &byte, 1, (off_t)(bit / 8)) != 1)
        test_die("%s has no bit %llu", path, (unsigned long long)bit);
    byte ^= (unsigned char)(1u << (bit % 8));
    write_at(fd, path, bit / 8, &byte, 1);
    close_or_die(fd, path);
}

void file_truncate(const char *path, uint64_t size)
{
    if (truncate(path, (off_t)size) != 0)
        test_die("truncate %s: %s", path, strerror(errno));
}

void file_copy(const char *from, const char *to)
{
    size_t size;
    unsigned char *bytes = file_read(from, &size);

    file_write(to, bytes, size);
    free(bytes);
}

uint64_t file_size(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        test_die("stat %s: %s", path, strerror(errno));
    return (uint64_t)status.st_size;
}

int file_exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}
