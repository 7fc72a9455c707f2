#include "peers/peer.h"
#include "data/index_keys.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---------------------------------------------------------------- filling */

struct pair_source {
    const struct dataset *data;
    struct index_keys *index; /* NULL: in the order of the data set */
    uint64_t next;
    unsigned char key[DATASET_KEY_MAX];
    unsigned char *value;
};

bool pair_source_next(struct pair_source *source, const unsigned char **key,
                      const unsigned char **value)
{
    uint64_t number = source->next;

    if (source->next == source->data->pairs)
        return false;
    source->next++;
    if (source->index) {
        index_keys_get(source->index, number, source->key);
        number = dataset_number(source->key);
    } else {
        dataset_put_key(source->data, number, source->key);
    }
    dataset_put_value(number, source->value);
    *key = source->key;
    *value = source->value;
    return true;
}

static int fill_from(const struct peer *peer, const char *path, struct index_keys *index,
                     struct bench_error *error)
{
    struct pair_source pairs = {.data = &peer->data, .index = index};

    pairs.value = bench_alloc(peer->data.value_size);
    int code = peer->kind->fill(peer, path, &pairs, error);
    free(pairs.value);
    if (code == BENCH_OK && pairs.next != peer->data.pairs)
        code = bench_error_set(error, BENCH_FAILED, "%s: not all pairs were written", path);
    return code;
}

/* The file is renamed to `path` when it is complete. */
static int create(const struct peer *peer, const char *path, struct bench_error *error)
{
    struct index_keys index;
    char partial[PATH_MAX + 16];

    (void)fprintf(stderr, "creating %s\n", path);
    (void)snprintf(partial, sizeof partial, "%s.%ld", path, (long)getpid());
    int code = index_keys_open(&index, &peer->data, error);
    if (code == BENCH_OK)
        code = fill_from(peer, partial, peer->kind->in_key_order ? &index : NULL, error);
    index_keys_close(&index);
    if (code == BENCH_OK && rename(partial, path) != 0)
        code = bench_error_set(error, BENCH_FAILED, "%s: %s", path, strerror(errno));
    return code;
}

/* ---------------------------------------------------------------- opening and closing */

void *peer_new(size_t size, const struct peer_kind *kind, const struct dataset *data)
{
    struct peer *peer = bench_alloc(size);

    peer->kind = kind;
    peer->data = *data;
    return peer;
}

struct peer *peer_acquire(struct peer *peer)
{
    peer->users++;
    return peer;
}

void peer_release(struct peer *peer)
{
    if (--peer->users > 0)
        return;
    free(peer->answers.values);
    free(peer->answers.sizes);
    peer->kind->close(peer);
}

static int open_and_warm(struct peer *peer, size_t batch, struct bench_error *error)
{
    const struct peer_kind *kind = peer->kind;
    char path[PATH_MAX];
    int code = BENCH_OK;

    if (kind->suffix) {
        code = dataset_path(&peer->data, kind->suffix, path, sizeof path, error);
        if (code == BENCH_OK && access(path, F_OK) != 0)
            code = create(peer, path, error);
    } else {
        code = dataset_ensure(&peer->data, path, sizeof path, error);
    }
    peer->answers.value_size = peer->data.value_size;
    peer->answers.values = bench_alloc(batch * peer->data.value_size);
    peer->answers.sizes = bench_alloc(batch * sizeof *peer->answers.sizes);
    if (code == BENCH_OK)
        code = kind->open(peer, path, batch, error);
    return code == BENCH_OK ? kind->warm(peer, error) : code;
}

int peer_open(struct peer *peer, size_t batch, struct bench_error *error)
{
    if (!peer->was_opened) {
        peer->was_opened = true;
        peer->code = open_and_warm(peer, batch, &peer->error);
    }
    if (peer->code != BENCH_OK)
        *error = peer->error;
    return peer->code;
}

void peer_ordered_key(const struct peer *peer, const unsigned char *key, unsigned char *ret_key)
{
    uint64_t x = 0;

    if (dataset_key_size(&peer->data) != sizeof x) {
        memcpy(ret_key, key, DATASET_KEY_MAX);
        return;
    }
    memcpy(&x, key, sizeof x);
    for (int i = 7; i >= 0; i--, x >>= 8)
        ret_key[i] = (unsigned char)x;
}
