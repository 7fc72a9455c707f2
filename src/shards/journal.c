/*
 * The journal of a build over MPI: a file of text in the directory of the table.
 *
 *     indexkv-mpi build 1
 *     id ID, 32 hex digits
 *     input FINGERPRINT, 16 hex digits
 *     key SHARDS TYPE
 *     HEX        the first keys of shards 1, 2, ..., in the order of bytes in memory
 *     end
 */
#include "shards/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADING "indexkv-mpi build 1"

/* A line has at most a key in hex. */
enum { LINE_SIZE = 2 * IKV_KEY_WIDTH_MAX + 64 };

static char *path_of(const char *dir, const char *suffix)
{
    const size_t size = strlen(dir) + sizeof "/" IKV_JOURNAL_NAME + strlen(suffix);
    char *path = malloc(size);
    if (path != NULL)
        (void)snprintf(path, size, "%s/%s%s", dir, IKV_JOURNAL_NAME, suffix);
    return path;
}

static void put_hex(FILE *file, const char *name, const unsigned char *bytes, size_t size)
{
    (void)fputs(name, file);
    for (size_t i = 0; i < size; i++)
        (void)fprintf(file, "%02x", bytes[i]);
    (void)fputc('\n', file);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A line "NAME HEX". */
static bool get_hex(FILE *file, const char *name, unsigned char *bytes, size_t size)
{
    char line[LINE_SIZE];
    const size_t length = strlen(name);
    if (fgets(line, sizeof line, file) == NULL || strncmp(line, name, length) != 0 ||
        strlen(line) != length + 2 * size + 1)
        return false;
    for (size_t i = 0; i < size; i++) {
        const int high = hex_digit(line[length + 2 * i]), low = hex_digit(line[length + 2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

/* ---------------------------------------------------------------- encode and decode */

static void encode(FILE *file, const struct ikv_journal *journal)
{
    char name[16];
    unsigned char fingerprint[8];
    const size_t width = ikv_key_width(journal->key_type);
    memcpy(fingerprint, &journal->fingerprint, sizeof fingerprint);
    (void)fputs(HEADING "\n", file);
    put_hex(file, "id ", journal->id, sizeof journal->id);
    put_hex(file, "input ", fingerprint, sizeof fingerprint);
    (void)fprintf(file, "key %zu %s\n", journal->shards,
                  ikv_key_type_name(journal->key_type, name, sizeof name));
    for (size_t s = 1; s < journal->shards; s++)
        put_hex(file, "", journal->splitters + (s - 1) * width, width);
    (void)fputs("end\n", file);
}

/* What a journal says besides the splitters, up to the line "key". */
static bool decode_head(FILE *file, unsigned char id[16], uint64_t *ret_fingerprint,
                        char ret_key[LINE_SIZE])
{
    char line[LINE_SIZE];
    unsigned char fingerprint[8];
    if (fgets(line, sizeof line, file) == NULL || strcmp(line, HEADING "\n") != 0 ||
        !get_hex(file, "id ", id, 16) || !get_hex(file, "input ", fingerprint, sizeof fingerprint))
        return false;
    memcpy(ret_fingerprint, fingerprint, sizeof fingerprint);
    return fgets(ret_key, LINE_SIZE, file) != NULL;
}

static bool decode_splitters(FILE *file, const struct ikv_journal *journal)
{
    char line[LINE_SIZE];
    const size_t width = ikv_key_width(journal->key_type);
    for (size_t s = 1; s < journal->shards; s++)
        if (!get_hex(file, "", journal->splitters + (s - 1) * width, width))
            return false;
    return fgets(line, sizeof line, file) != NULL && strcmp(line, "end\n") == 0;
}

/* ---------------------------------------------------------------- files */

static int no_memory(const char *dir, ikv_error *err)
{
    return ikv_shards_fail(err, -ENOMEM, dir, "%s", ikv_strerror(-ENOMEM));
}

int ikv_journal_write(const char *dir, const struct ikv_journal *journal, ikv_error *err)
{
    char *path = path_of(dir, ""), *temporary = path_of(dir, ".tmp");
    int code = path == NULL || temporary == NULL ? no_memory(dir, err) : 0;
    FILE *file = code == 0 ? fopen(temporary, "wb") : NULL;
    if (file != NULL) {
        encode(file, journal);
        const bool failed = fflush(file) != 0 || ferror(file) || fsync(fileno(file)) != 0;
        if (fclose(file) != 0 || failed || rename(temporary, path) != 0)
            code = -errno;
    } else if (code == 0) {
        code = -errno;
    }
    if (code != 0 && code != -ENOMEM)
        (void)ikv_shards_fail(err, code, path, "%s", ikv_strerror(code));
    free(path);
    free(temporary);
    return code;
}

int ikv_journal_read(const char *dir, struct ikv_journal *journal, ikv_error *err)
{
    char key[LINE_SIZE], wanted[LINE_SIZE], name[16];
    uint64_t fingerprint = 0;
    char *path = path_of(dir, "");
    if (path == NULL)
        return no_memory(dir, err);
    FILE *file = fopen(path, "rb");
    int code = 0;
    (void)snprintf(wanted, sizeof wanted, "key %zu %s\n", journal->shards,
                   ikv_key_type_name(journal->key_type, name, sizeof name));
    if (file == NULL)
        code = ikv_shards_fail(err, IKV_E_STATE, dir, "there is no build to resume");
    else if (decode_head(file, journal->id, &fingerprint, key) &&
             (fingerprint != journal->fingerprint || strcmp(key, wanted) != 0))
        code = ikv_shards_fail(err, IKV_E_STATE, dir,
                               "the build to resume had other options or another input");
    else if (!decode_splitters(file, journal))
        code = ikv_shards_fail(err, IKV_E_STATE, path, "not the journal of a build");
    if (file != NULL)
        (void)fclose(file);
    free(path);
    return code;
}

static void remove_shards(const char *dir, const unsigned char id[16], size_t count)
{
    const size_t size = strlen(dir) + 1 + IKV_SHARD_NAME_SIZE;
    char name[IKV_SHARD_NAME_SIZE], *path = malloc(size);
    for (size_t s = 0; path != NULL && s < count; s++) {
        ikv_shard_name(id, s, name);
        (void)snprintf(path, size, "%s/%s", dir, name);
        (void)unlink(path);
    }
    free(path);
}

void ikv_journal_remove(const char *dir, const struct ikv_manifest *old)
{
    char *path = path_of(dir, ""), key[LINE_SIZE];
    FILE *file = path != NULL ? fopen(path, "rb") : NULL;
    if (file != NULL) {
        unsigned char id[16];
        uint64_t fingerprint;
        if (decode_head(file, id, &fingerprint, key) && strncmp(key, "key ", 4) == 0 &&
            (old == NULL || !ikv_manifest_has_names(old, id)))
            remove_shards(dir, id, strtoul(key + 4, NULL, 10));
        (void)fclose(file);
        (void)unlink(path);
    }
    free(path);
}
