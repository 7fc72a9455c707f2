/* Building sharded tables: the same table as one rank builds, byte for byte, from any number of
 * ranks, for every key type, layout and policy for duplicates; interrupted builds. */
#include "hostkey.h"
#include "mpi_checks.h"
#include "rng.h"
#include "scale.h"

#include "shards/manifest.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The pairs that one rank supplies: numbers of pairs in `pairs`. */
struct input {
    const struct pairs *pairs;
    size_t *numbers, count, next;
    unsigned char value[24]; /* with `versions`: tells equal keys apart */
    bool versions;
    uint64_t version;
    unsigned char *large;
};

static int next_pair(void *user, ikv_mpi_pair *pair)
{
    struct input *input = user;
    if (input->next == input->count)
        return 0;
    const size_t i = input->numbers[input->next++];
    pair->key = input->pairs->keys + i * input->pairs->width;
    pair->value = pairs_value(input->pairs, i, &pair->size);
    if (input->versions) {
        pair->size = (size_t)snprintf((char *)input->value, sizeof input->value, "%llu",
                                      (unsigned long long)input->version++);
        pair->value = input->value;
    }
    return 1;
}

/* Divide pairs among ranks, in an order that all ranks know: *ret has those of this rank, and
 * `all`, if not NULL, those of all ranks, one rank after the other. */
static void divide(const struct pairs *pairs, size_t *order, size_t count, struct input *ret,
                   struct input *all)
{
    /* Unequal parts; rank 1 has none. */
    const size_t ranks = (size_t)mpi_ranks;
    size_t begin = 0;
    for (size_t r = 0; r < ranks; r++) {
        size_t part = r == 1 && ranks > 2 ? 0 : count / ranks + (r == 0 ? 7 : 0);
        part = begin + part > count || r == ranks - 1 ? count - begin : part;
        if ((int)r == mpi_rank)
            *ret = (struct input){.pairs = pairs, .numbers = order + begin, .count = part};
        begin += part;
    }
    if (all != NULL)
        *all = (struct input){.pairs = pairs, .numbers = order, .count = count};
}

static void check_same_files(const char *a, const char *b)
{
    struct ikv_manifest *m;
    ikv_error err;
    tmpdir left, right;
    (void)snprintf(left.path, sizeof left.path, "%s", a);
    (void)snprintf(right.path, sizeof right.path, "%s", b);
    char *names = tmpdir_list(&left), *others = tmpdir_list(&right);
    if (strcmp(names, others) != 0)
        mpi_fail(__FILE__, __LINE__, "files:\n%sexpected:\n%s", names, others);
    CHECK_OK(ikv_manifest_read(a, &m, &err), &err);
    char *rest = names;
    for (char *name = strtok_r(names, "\n", &rest); name != NULL;
         name = strtok_r(NULL, "\n", &rest)) {
        size_t size, other_size;
        char *path = tmpdir_file(&left, name), *other = tmpdir_file(&right, name);
        unsigned char *bytes = file_read(path, &size), *expected = file_read(other, &other_size);
        CHECK(size == other_size && memcmp(bytes, expected, size) == 0);
        free(bytes);
        free(expected);
        free(path);
        free(other);
    }
    ikv_manifest_free(m);
    free(names);
    free(others);
}

/* Every pair of the oracle is in the table, and no other. `version_of`: value of each pair. */
static void check_table(const char *dir, const struct pairs *pairs)
{
    ikv_mpi *table;
    ikv_mpi_info info;
    ikv_error err;
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir, NULL, &table, &err), &err);
    ikv_mpi_get_info(table, &info);
    CHECK(info.pair_count == pairs->count);
    CHECK_OK(ikv_mpi_get_many(table, pairs->keys, pairs->count, NULL, NULL, &err), &err);
    for (size_t i = 0; i < pairs->count; i++) {
        size_t size;
        const unsigned char *value = pairs_value(pairs, i, &size);
        const ikv_mpi_item *item = &ikv_mpi_items(table)[i];
        CHECK(item->status == IKV_FOUND && item->size == size);
        CHECK(memcmp(item->value, value, size) == 0);
    }
    ikv_mpi_close(table);
}

static size_t *shuffled(size_t count, uint64_t seed)
{
    rng_state rng = {seed};
    size_t *order = must_malloc((count + 1) * sizeof *order);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    rng_shuffle(&rng, order, count, sizeof *order);
    return order;
}

/* Build with all ranks and with one: the files are the same, and hold the pairs. */
static void test_types(void)
{
    const size_t all_shards[] = {1, 3, 8, 20};
    size_t number = 0;
    for (size_t t = 0; t < hostkey_type_count; t++) {
        for (size_t s = 0; s < 4; s++) {
            if (!test_in_sample(number++, hostkey_type_count * 4, 8))
                continue;
            struct pairs pairs;
            struct input input, all;
            tmpdir dir, expected;
            ikv_writer_options writer;
            ikv_mpi_build_stats stats;
            ikv_error err;
            char name[HOSTKEY_NAME_MAX];
            mpi_case("build %s, %zu shards", hostkey_name(hostkey_types[t], name), all_shards[s]);
            pairs_make(&pairs, hostkey_types[t], 700, 60, t);
            size_t *order = shuffled(pairs.count, t);
            divide(&pairs, order, pairs.count, &input, &all);
            mpi_new_dir(&dir);
            mpi_new_dir(&expected);
            const ikv_mpi_build_options options =
                mpi_build_options(&writer, pairs.type, all_shards[s]);
            writer.layout = number % 2 ? IKV_LAYOUT_ARRIVAL : IKV_LAYOUT_CLUSTERED;
            CHECK_OK(
                ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_pair, &input, &stats, &err),
                &err);
            CHECK(stats.pairs == pairs.count && stats.dropped == 0);
            CHECK(stats.read == input.count);
            if (mpi_rank == 0) {
                CHECK_OK(ikv_mpi_build(MPI_COMM_SELF, expected.path, &options, next_pair, &all,
                                       NULL, &err),
                         &err);
                check_same_files(dir.path, expected.path);
            }
            check_table(dir.path, &pairs);
            free(order);
            pairs_free(&pairs);
        }
    }
}

/* Keys several times, on one rank and on several: the first or the last one of all input is kept,
 * or the build fails, and leaves the table that was there. */
static void test_duplicates(void)
{
    struct pairs pairs;
    tmpdir dir;
    ikv_writer_options writer;
    ikv_error err;
    struct input input, all;
    rng_state rng = {77};
    pairs_make(&pairs, IKV_KEY_U32, 300, 0, 3);
    const size_t count = 2000;
    size_t *order = must_malloc(count * sizeof *order);
    for (size_t i = 0; i < count; i++)
        order[i] = rng_below(&rng, i % 3 ? pairs.count : 3);
    divide(&pairs, order, count, &input, &all);
    for (int last = 0; last < 2; last++) {
        ikv_mpi_build_stats stats;
        mpi_case("duplicates, %s", last ? "last" : "first");
        mpi_new_dir(&dir);
        ikv_mpi_build_options options = mpi_build_options(&writer, pairs.type, 5);
        writer.on_duplicate = last ? IKV_DUPLICATES_LAST : IKV_DUPLICATES_FIRST;
        input.versions = true;
        input.next = 0;
        input.version = (uint64_t)(input.numbers - order);
        CHECK_OK(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_pair, &input, &stats, &err),
                 &err);
        CHECK(stats.pairs + stats.dropped == count);
        ikv_mpi *table;
        CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, NULL, &table, &err), &err);
        CHECK_OK(ikv_mpi_get_many(table, pairs.keys, pairs.count, NULL, NULL, &err), &err);
        for (size_t i = 0; i < pairs.count; i++) {
            const ikv_mpi_item *item = &ikv_mpi_items(table)[i];
            size_t wanted = SIZE_MAX;
            for (size_t k = 0; k < count; k++)
                if (order[k] == i && (wanted == SIZE_MAX || last))
                    wanted = k;
            char text[24];
            const int size = snprintf(text, sizeof text, "%zu", wanted);
            CHECK((item->status == IKV_FOUND) == (wanted != SIZE_MAX));
            if (wanted != SIZE_MAX)
                CHECK(item->size == (uint32_t)size && memcmp(item->value, text, (size_t)size) == 0);
        }
        ikv_mpi_close(table);
    }
    mpi_case("duplicates are an error");
    const ikv_mpi_build_options options = mpi_build_options(&writer, pairs.type, 4);
    unsigned char other[16] = "another id";
    writer.store_id = other;
    input.next = 0;
    CHECK(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_pair, &input, NULL, &err) ==
          IKV_E_DUPLICATE);
    ikv_mpi *table;
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, NULL, &table, &err), &err);
    ikv_mpi_close(table);
    free(order);
    pairs_free(&pairs);
}

/* ---------------------------------------------------------------- other tables */

static int no_pairs(void *user, ikv_mpi_pair *pair)
{
    (void)user;
    (void)pair;
    return 0;
}

static void test_small(void)
{
    struct pairs pairs;
    struct input input;
    tmpdir dir;
    ikv_writer_options writer;
    ikv_error err;
    ikv_mpi_build_stats stats;
    mpi_case("no pairs");
    mpi_new_dir(&dir);
    ikv_mpi_build_options options = mpi_build_options(&writer, IKV_KEY_U64, 3);
    CHECK_OK(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, no_pairs, NULL, &stats, &err), &err);
    CHECK(stats.pairs == 0);
    (void)MPI_Barrier(MPI_COMM_WORLD);
    CHECK(tmpdir_count(&dir) == 1); /* the manifest */

    mpi_case("one pair, in place of them");
    size_t order[1] = {0};
    pairs_make(&pairs, IKV_KEY_U64, 1, 30, 1);
    input = (struct input){.pairs = &pairs, .numbers = order, .count = mpi_rank == mpi_ranks - 1};
    unsigned char other[16] = "another id";
    writer.store_id = other;
    CHECK_OK(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_pair, &input, &stats, &err),
             &err);
    check_table(dir.path, &pairs);

    mpi_case("the same id again");
    CHECK_FAILED(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_pair, &input, &stats, &err),
                 IKV_E_INVALID, &err, "same names");
    check_table(dir.path, &pairs);
    pairs_free(&pairs);
}

/* Values larger than the room for a rank's pairs, and many rounds. */
static void test_large_values(void)
{
    struct pairs pairs;
    struct input input;
    tmpdir dir;
    ikv_writer_options writer;
    ikv_error err;
    ikv_mpi_build_stats stats;
    mpi_case("large values");
    mpi_new_dir(&dir);
    pairs_make(&pairs, IKV_KEY_U64, 400, 60000, 8);
    size_t added = 0;
    for (size_t i = 0; i < pairs.count; i++) {
        added += i == 200 ? (size_t)5 << 20 : 0;
        pairs.ends[i] += added;
    }
    pairs.values = must_realloc(pairs.values, pairs.ends[pairs.count - 1]);
    rng_fill(&(rng_state){6}, pairs.values, pairs.ends[pairs.count - 1]);
    size_t *order = shuffled(pairs.count, 9);
    divide(&pairs, order, pairs.count, &input, NULL);
    ikv_mpi_build_options options = mpi_build_options(&writer, IKV_KEY_U64, 4);
    writer.layout = IKV_LAYOUT_CLUSTERED;
    CHECK_OK(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_pair, &input, &stats, &err),
             &err);
    CHECK(stats.rounds > 4);
    check_table(dir.path, &pairs);
    free(order);
    pairs_free(&pairs);
}

/* On every rank a value larger than the room for all ranks: they arrive one after the other, so
 * that many ranks need no more memory, and no larger messages, than one. */
enum { LARGE = 3 << 20 };

static int next_large(void *user, ikv_mpi_pair *pair)
{
    struct input *input = user;
    input->version = (uint64_t)mpi_rank;
    *pair = (ikv_mpi_pair){.key = &input->version, .value = input->large, .size = LARGE};
    return input->next++ == 0;
}

static void test_large_everywhere(void)
{
    tmpdir dir;
    ikv_writer_options writer;
    ikv_error err;
    ikv_mpi_build_stats stats;
    mpi_case("a large value on every rank");
    mpi_new_dir(&dir);
    const ikv_mpi_build_options options = mpi_build_options(&writer, IKV_KEY_U64, 1);
    struct input input = {.large = must_malloc(LARGE)};
    memset(input.large, mpi_rank, LARGE);
    CHECK_OK(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_large, &input, &stats, &err),
             &err);
    CHECK(stats.pairs == (uint64_t)mpi_ranks);
    /* A round for each value, and one for the end of each rank's pairs when its value is merged. */
    CHECK(stats.rounds == 2 * stats.pairs);
    free(input.large);
}

/* Ranges 10 keys apart, of 5 keys. */
struct ranges {
    uint32_t next, count, step, first, last;
    uint32_t overlap; /* this one reaches into the next; UINT32_MAX: none */
};

static int next_range(void *user, ikv_mpi_pair *pair)
{
    struct ranges *ranges = user;
    if (ranges->next >= ranges->count)
        return 0;
    ranges->first = ranges->next * 10;
    ranges->last = ranges->first + (ranges->next == ranges->overlap ? 10 : 4);
    ranges->next += ranges->step;
    *pair = (ikv_mpi_pair){.key = &ranges->first,
                           .last = &ranges->last,
                           .value = &ranges->first,
                           .size = sizeof ranges->first};
    return 1;
}

static void test_ranges(void)
{
    enum { COUNT = 500 };
    tmpdir dir;
    ikv_writer_options writer;
    ikv_error err;
    mpi_case("ranges");
    mpi_new_dir(&dir);
    const ikv_mpi_build_options options = mpi_build_options(&writer, IKV_KEY_U32, 7);
    writer.flags = IKV_WRITE_RANGES;
    writer.memory = (uint64_t)32 << 20;
    struct ranges ranges = {(uint32_t)mpi_rank, COUNT, (uint32_t)mpi_ranks, 0, 0, UINT32_MAX};
    CHECK_OK(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_range, &ranges, NULL, &err),
             &err);
    ikv_mpi *table;
    CHECK_OK(ikv_mpi_open(MPI_COMM_WORLD, dir.path, NULL, &table, &err), &err);
    uint32_t *keys = must_malloc(COUNT * 10 * sizeof *keys);
    for (uint32_t i = 0; i < COUNT * 10; i++)
        keys[i] = i;
    ikv_get_options get = IKV_GET_OPTIONS_INIT;
    get.match = IKV_RANGE;
    CHECK_OK(ikv_mpi_get_many(table, keys, COUNT * 10, &get, NULL, &err), &err);
    for (uint32_t i = 0; i < COUNT * 10; i++) {
        const ikv_mpi_item *item = &ikv_mpi_items(table)[i];
        const uint32_t first = i / 10 * 10, last = first + 4;
        CHECK(item->status == (i % 10 < 5 ? IKV_FOUND : IKV_MISSING));
        if (item->status != IKV_FOUND)
            continue;
        CHECK(memcmp(item->key, &first, 4) == 0 && memcmp(item->last, &last, 4) == 0);
        CHECK(item->size == 4 && memcmp(item->value, &first, 4) == 0);
    }
    ikv_mpi_close(table);
    free(keys);
    /* An overlap is found wherever it is, also at the border of two shards. */
    unsigned char other[16] = "another id";
    writer.store_id = other;
    for (uint32_t at = 0; at < COUNT - 1; at++) {
        if (!test_in_sample(at, COUNT, 10) && at % 71 != 70)
            continue;
        ranges = (struct ranges){(uint32_t)mpi_rank, COUNT, (uint32_t)mpi_ranks, 0, 0, at};
        mpi_case("ranges, overlap %u", at);
        CHECK(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_range, &ranges, NULL, &err) ==
              IKV_E_OVERLAP);
    }
}

/* ---------------------------------------------------------------- interrupted builds */

/* Counts finished stores on this rank, and stops before one of them. */
struct stop {
    int finished, at;
    bool kill;
};

static int count_stores(void *user, const ikv_progress *progress)
{
    struct stop *stop = user;
    if (strcmp(progress->phase, "sync") != 0)
        return 0;
    if (stop->finished++ != stop->at)
        return 0;
    if (stop->kill)
        (void)raise(SIGKILL);
    return 1;
}

static void test_resume(void)
{
    struct pairs pairs;
    struct input input;
    tmpdir dir, expected;
    ikv_writer_options writer;
    ikv_error err;
    ikv_mpi_build_stats stats;
    pairs_make(&pairs, IKV_KEY_I64, 3000, 30, 21);
    size_t *order = shuffled(pairs.count, 2);
    divide(&pairs, order, pairs.count, &input, NULL);
    ikv_mpi_build_options options = mpi_build_options(&writer, pairs.type, 20);
    options.fingerprint = 5;
    mpi_new_dir(&expected);
    CHECK_OK(ikv_mpi_build(MPI_COMM_WORLD, expected.path, &options, next_pair, &input, NULL, &err),
             &err);
    for (int at = 0; at < 20 / mpi_ranks; at += 2) {
        mpi_case("resume, stopped at store %d", at);
        struct stop stop = {.at = mpi_rank == mpi_ranks - 1 ? at : -1};
        mpi_new_dir(&dir);
        writer.on_progress = count_stores;
        writer.progress_user = &stop;
        input.next = 0;
        CHECK(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_pair, &input, NULL, &err) ==
              IKV_E_CANCELED);
        writer.on_progress = NULL;
        options.flags = IKV_MPI_BUILD_RESUME;
        options.fingerprint = 6;
        input.next = 0;
        CHECK(ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_pair, &input, NULL, &err) ==
              IKV_E_STATE);
        options.fingerprint = 5;
        const int code =
            ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_pair, &input, &stats, &err);
        if (at == 0) /* before shards were chosen */
            CHECK(code == IKV_E_STATE);
        else
            CHECK_OK(code, &err);
        if (at > 1)
            CHECK(stats.kept_shards >= (uint64_t)at - 1);
        if (at > 0 && mpi_rank == 0)
            check_same_files(dir.path, expected.path);
        options.flags = 0;
        (void)MPI_Barrier(MPI_COMM_WORLD);
    }
    free(order);
    pairs_free(&pairs);
}

/* For killed.sh: a build in which a rank is killed, and one that continues it. */
static int run_killed(const char *dir, bool resume)
{
    struct pairs pairs;
    struct input input;
    ikv_writer_options writer;
    ikv_error err;
    ikv_mpi_build_stats stats;
    pairs_make(&pairs, IKV_KEY_I64, 3000, 30, 21);
    size_t *order = shuffled(pairs.count, 2);
    divide(&pairs, order, pairs.count, &input, NULL);
    ikv_mpi_build_options options = mpi_build_options(&writer, pairs.type, 20);
    struct stop stop = {.at = mpi_rank == mpi_ranks - 1 ? 3 : -1, .kill = true};
    if (!resume) {
        writer.on_progress = count_stores;
        writer.progress_user = &stop;
    }
    options.flags = resume ? IKV_MPI_BUILD_RESUME : 0;
    CHECK_OK(ikv_mpi_build(MPI_COMM_WORLD, dir, &options, next_pair, &input, &stats, &err), &err);
    CHECK(stats.kept_shards >= 2);
    check_table(dir, &pairs);
    free(order);
    pairs_free(&pairs);
    return mpi_end();
}

int main(int argc, char **argv)
{
    mpi_begin(&argc, &argv);
    if (argc == 3)
        return run_killed(argv[2], strcmp(argv[1], "resume") == 0);
    test_types();
    test_duplicates();
    test_small();
    test_large_values();
    test_large_everywhere();
    test_ranges();
    test_resume();
    return mpi_end();
}
