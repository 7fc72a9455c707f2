/*
 * Damages files of several stores in the same ways, reads each in a child process with limits, and
 * counts what happened.
 *   indexkv_damage DIRECTORY [FILES [RECORDS]]     default: 2000 files an engine, 2000 records
 *
 * Damage n of every engine has the seed n. The classes, in this order: the child crashed, ran out
 * of time or of memory, returned a wrong value, reported a present key as missing, reported an
 * error and no more than that, or answered every key.
 */
#include "engine.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE       4096u
#define CPU_LIMIT  10
#define TIME_LIMIT 120
#define MEMORY_LIMIT                                                                               \
    ((uint64_t)3 << 30)       /* of address space: LMDB maps 64 MiB, RocksDB has threads */
#define RESIDENT_GROW 262144L /* KiB above that of the sound file */
#define PATH_SIZE     4096

enum outcome { CRASH, HANG, MEMORY, WRONG, FALSE_MISSING, DETECTED, HARMLESS, OUTCOMES };
static const char *const outcome_names[OUTCOMES] = {
    "crash", "hang", "memory", "wrong value", "false missing", "detected", "harmless"};

enum {
    KIND_BIT,
    KIND_ZERO_512,
    KIND_ZERO_4096,
    KIND_SWAP,
    KIND_STALE,
    KIND_CUT,
    KIND_JUNK,
    KIND_FF,
    KINDS
};

/* What a child found, as its exit status: bits. */
enum { SAW_WRONG = 1, SAW_MISSING = 2, SAW_ERROR = 4, NOT_OPENED = 8 };

struct bytes {
    unsigned char *at;
    size_t size;
};

struct contest {
    const struct engine *engine;
    char store[PATH_SIZE]; /* what the engine opens */
    char file[PATH_SIZE];  /* what is damaged: the store, or a file in it */
    struct bytes sound;
    struct bytes stale; /* the same store with other values */
    uint64_t records;
    long resident; /* KiB of a child that reads the sound store */
    uint64_t count[OUTCOMES];
    double ns; /* of a lookup in the sound store */
};

static void die(const char *what)
{
    (void)fprintf(stderr, "indexkv_damage: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---------------------------------------------------------------- files */

static struct bytes load(const char *path)
{
    struct stat info;
    struct bytes bytes = {NULL, 0};
    FILE *file = fopen(path, "rbe");

    if (!file || fstat(fileno(file), &info) != 0)
        die(path);
    bytes.size = (size_t)info.st_size;
    bytes.at = malloc(bytes.size + PAGE);
    if (!bytes.at || fread(bytes.at, 1, bytes.size, file) != bytes.size)
        die(path);
    (void)fclose(file);
    return bytes;
}

static void save(const char *path, const unsigned char *bytes, size_t size)
{
    FILE *file = fopen(path, "wbe");

    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        die(path);
}

/* The file to damage: the store, or the one with the engine's suffix in it. */
static void find_file(struct contest *contest)
{
    const char *suffix = contest->engine->suffix;
    const struct dirent *entry;

    (void)snprintf(contest->file, sizeof contest->file, "%s", contest->store);
    if (!suffix)
        return;
    DIR *directory = opendir(contest->store);
    if (!directory)
        die(contest->store);
    while ((entry = readdir(directory))) {
        const size_t length = strlen(entry->d_name);
        if (length > strlen(suffix) && strcmp(entry->d_name + length - strlen(suffix), suffix) == 0)
            (void)snprintf(contest->file, sizeof contest->file, "%.2000s/%s", contest->store,
                           entry->d_name);
    }
    (void)closedir(directory);
}

static void create(struct contest *contest, const char *directory, unsigned generation)
{
    (void)snprintf(contest->store, sizeof contest->store, "%.2000s/%zu-%u", directory,
                   (size_t)(contest->engine - engines), generation);
    if (contest->engine->write(contest->store, contest->records, generation) != 0)
        die(contest->store);
    find_file(contest);
}

/* ---------------------------------------------------------------- damage */

static uint64_t next_random(uint64_t *state)
{
    return record_key((*state)++ * 0x2545f4914f6cdd1du);
}

/* Returns the new size. */
static size_t damage(const struct contest *contest, uint64_t seed, unsigned char *bytes)
{
    const size_t size = contest->sound.size;
    const size_t pages = size / PAGE;
    uint64_t state = seed;
    unsigned char page[PAGE];
    const size_t at = next_random(&state) % size;
    const size_t from = next_random(&state) % pages * PAGE;
    const size_t to = next_random(&state) % pages * PAGE;
    const size_t left = size - at;

    memcpy(bytes, contest->sound.at, size);
    switch (seed % KINDS) {
    case KIND_BIT:
        bytes[at] ^= (unsigned char)(1u << next_random(&state) % 8);
        return size;
    case KIND_ZERO_512:
        memset(bytes + at / 512 * 512, 0,
               size - at / 512 * 512 < 512 ? size - at / 512 * 512 : 512);
        return size;
    case KIND_ZERO_4096:
        memset(bytes + from, 0, PAGE);
        return size;
    case KIND_SWAP:
        memcpy(page, bytes + from, PAGE);
        memcpy(bytes + from, bytes + to, PAGE);
        memcpy(bytes + to, page, PAGE);
        return size;
    case KIND_STALE:
        if (from + PAGE <= contest->stale.size)
            memcpy(bytes + from, contest->stale.at + from, PAGE);
        return size;
    case KIND_CUT:
        return at;
    case KIND_JUNK:
        for (size_t i = 0; i < 1000; i++)
            bytes[size + i] = (unsigned char)next_random(&state);
        return size + 1000;
    default:
        memset(bytes + at, 0xff, left < 8 ? left : 8);
        return size;
    }
}

/* ---------------------------------------------------------------- reading */

/* Look up all keys, and as many absent ones. Returns what was seen. */
static int read_all(const struct contest *contest)
{
    const struct engine *engine = contest->engine;
    unsigned char expected[VALUE_SIZE];
    unsigned char value[VALUE_SIZE];
    struct reader *reader = NULL;
    int saw = 0;

    if (engine->open(contest->store, &reader) != 0)
        return NOT_OPENED;
    for (uint64_t i = 0; i < 2 * contest->records; i++) {
        size_t size = 0;
        const enum answer answer = engine->get(reader, record_key(i), value, &size);
        const bool is_present = i < contest->records;

        record_value(i, 0, expected);
        if (answer == ANSWER_ERROR)
            saw |= SAW_ERROR;
        else if (answer == ANSWER_MISSING)
            saw |= is_present ? SAW_MISSING : 0;
        else if (!is_present || size != VALUE_SIZE || memcmp(value, expected, VALUE_SIZE) != 0)
            saw |= SAW_WRONG;
    }
    engine->close(reader);
    return saw;
}

static void set_limit(int resource, uint64_t value)
{
    const struct rlimit limit = {value, value + (resource == RLIMIT_CPU)};

    (void)setrlimit((__rlimit_resource_t)resource, &limit);
}

/* In a child process. *ret_resident: its peak, in KiB. */
static enum outcome read_in_child(const struct contest *contest, long *ret_resident)
{
    struct rusage usage;
    int status = 0;

    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        set_limit(RLIMIT_CPU, CPU_LIMIT);
        set_limit(RLIMIT_AS, MEMORY_LIMIT);
        set_limit(RLIMIT_CORE, 0);
        (void)alarm(TIME_LIMIT);
        (void)!freopen("/dev/null", "w", stderr);
        _exit(read_all(contest));
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child)
        die("fork");
    *ret_resident = usage.ru_maxrss;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGALRM ||
                       WTERMSIG(status) == SIGKILL
                   ? HANG
                   : CRASH;
    const int saw = WEXITSTATUS(status);
    if (contest->resident && usage.ru_maxrss > contest->resident + RESIDENT_GROW)
        return MEMORY;
    if (saw & SAW_WRONG)
        return WRONG;
    if (saw & SAW_MISSING)
        return FALSE_MISSING;
    return saw ? DETECTED : HARMLESS;
}

/* Nanoseconds of a lookup of a present key, the median of five rounds. */
static double measure(const struct contest *contest)
{
    const struct engine *engine = contest->engine;
    struct reader *reader = NULL;
    double rounds[5] = {0};

    if (engine->open(contest->store, &reader) != 0)
        die(contest->store);
    for (size_t round = 0; round < 5; round++) {
        unsigned char value[VALUE_SIZE];
        struct timespec begin;
        struct timespec end;
        size_t size = 0;

        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
        for (uint64_t i = 0; i < 10 * contest->records; i++)
            (void)engine->get(reader, record_key(i % contest->records), value, &size);
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
        const double ns =
            (double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec);
        size_t at = round;
        for (; at > 0 && rounds[at - 1] > ns / (10.0 * (double)contest->records); at--)
            rounds[at] = rounds[at - 1];
        rounds[at] = ns / (10.0 * (double)contest->records);
    }
    engine->close(reader);
    return rounds[2];
}

/* ---------------------------------------------------------------- the contest */

static void prepare(struct contest *contest, const char *directory)
{
    create(contest, directory, 1);
    contest->stale = load(contest->file);
    create(contest, directory, 0);
    contest->sound = load(contest->file);
    if (read_in_child(contest, &contest->resident) != HARMLESS)
        die("the sound store is not read correctly");
    contest->ns = measure(contest);
}

static void run(struct contest *contest, uint64_t files)
{
    unsigned char *bytes = malloc(contest->sound.size + PAGE);
    long resident = 0;

    for (uint64_t seed = 0; bytes && seed < files; seed++) {
        const size_t size = damage(contest, seed, bytes);
        save(contest->file, bytes, size);
        const enum outcome outcome = read_in_child(contest, &resident);
        contest->count[outcome]++;
        if (contest->engine->get == engines[0].get && outcome < DETECTED)
            (void)printf("%s: seed %llu: %s\n", contest->engine->name, (unsigned long long)seed,
                         outcome_names[outcome]);
    }
    free(bytes);
}

int main(int argc, char **argv)
{
    const uint64_t files = argc > 2 ? strtoull(argv[2], NULL, 10) : 2000;
    const uint64_t records = argc > 3 ? strtoull(argv[3], NULL, 10) : 2000;
    uint64_t bad = 0;

    if (argc < 2 || files == 0 || records == 0) {
        (void)fprintf(stderr, "usage: indexkv_damage DIRECTORY [FILES [RECORDS]]\n");
        return 2;
    }
    (void)printf("| store | checksums verified | ns/lookup |");
    for (size_t i = 0; i < OUTCOMES; i++)
        (void)printf(" %s |", outcome_names[i]);
    (void)printf("\n|---|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < engine_count; i++) {
        struct contest contest = {.engine = &engines[i], .records = records};

        prepare(&contest, argv[1]);
        run(&contest, files);
        (void)printf("| %s | %s | %.0f |", contest.engine->name, contest.engine->checks,
                     contest.ns);
        for (size_t k = 0; k < OUTCOMES; k++) {
            (void)printf(" %llu |", (unsigned long long)contest.count[k]);
            bad += contest.engine->get == engines[0].get && k < DETECTED ? contest.count[k] : 0;
        }
        (void)printf("\n");
        (void)fflush(stdout);
        free(contest.sound.at);
        free(contest.stale.at);
    }
    return bad ? 1 : 0;
}
