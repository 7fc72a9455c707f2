/* Runs a fuzz target on files, and on all files of folders: what compilers without libFuzzer, and
 * the tests, do with a corpus. Prints the name of each file, so that a crash names its input. */
#include "fuzz.h"

#include "tmpdir.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t replayed;

static void replay_file(const char *path)
{
    size_t size;
    unsigned char *bytes = file_read(path, &size);

    printf("%s\n", path);
    (void)fflush(stdout);
    /* In memory of exactly this size, so that a sanitizer sees the end. */
    uint8_t *input = must_malloc(size);
    memcpy(input, bytes, size);
    free(bytes);
    LLVMFuzzerTestOneInput(input, size);
    free(input);
    replayed++;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void replay(const char *path)
{
    struct dirent **entries = NULL;
    struct stat info;

    if (stat(path, &info) != 0)
        test_die("%s: not found", path);
    if (!S_ISDIR(info.st_mode)) {
        replay_file(path);
        return;
    }
    const int count = scandir(path, &entries, NULL, by_name);
    if (count < 0)
        test_die("%s: cannot be read", path);
    for (int i = 0; i < count; i++) {
        char name[TMPDIR_PATH_MAX];

        snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            replay(name);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("%zu inputs\n", replayed);
    return replayed > 0 ? 0 : 1;
}
