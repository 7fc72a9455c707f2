#include "fuzz.h"

#include "tmpdir.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 4

static struct {
    tmpdir dir;
    int is_made;
    char name[FILES_MAX][16];
    char *path[FILES_MAX];
} files;

void fuzz_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

uint64_t fuzz_take(fuzz_input *input, size_t width)
{
    uint64_t number = 0;

    for (size_t i = 0; i < width && input->size > 0; i++) {
        number |= (uint64_t)*input->bytes++ << (8 * i);
        input->size--;
    }
    return number;
}

uint32_t fuzz_choose(fuzz_input *input, uint32_t below)
{
    return (uint32_t)fuzz_take(input, 1) % below;
}

static void remove_files(void)
{
    tmpdir_remove(&files.dir);
    for (size_t i = 0; i < FILES_MAX; i++)
        free(files.path[i]);
}

const char *fuzz_path(const char *name)
{
    size_t i = 0;

    if (!files.is_made) {
        tmpdir_make_in_memory(&files.dir);
        files.is_made = 1;
        atexit(remove_files);
    }
    while (i < FILES_MAX && files.path[i] != NULL && strcmp(files.name[i], name) != 0)
        i++;
    if (i == FILES_MAX || strlen(name) >= sizeof(files.name[i]))
        fuzz_fail("too many files, or a long name: %s", name);
    if (files.path[i] == NULL) {
        memcpy(files.name[i], name, strlen(name) + 1);
        files.path[i] = tmpdir_file(&files.dir, name);
    }
    return files.path[i];
}

const char *fuzz_write(const char *name, const uint8_t *bytes, size_t size)
{
    const char *path = fuzz_path(name);

    file_write(path, bytes, size);
    return path;
}
