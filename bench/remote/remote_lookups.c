/*
 * remote_lookups URL COUNT STEP PAIRS BATCH CONNECTIONS: looks up COUNT random keys among 0, STEP,
 * ..., (PAIRS - 1) * STEP in batches of BATCH. Prints the seconds that opening took, those until
 * the first batch was answered, those of the lookups, the requests of these, those of opening, and
 * those of each batch. The first batch, which opens the connections, is not among the lookups
 * unless it is the only one.
 */
#include <indexkv.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static _Noreturn void fail(const ikv_error *err)
{
    (void)fprintf(stderr, "remote_lookups: %s\n", err->message);
    exit(1);
}

/* The times and requests of one run. */
struct run {
    double first_time; /* seconds from `begin` until the first batch was answered */
    double rest_began;
    uint64_t requests;
    uint64_t *batches; /* the requests of each batch */
};

static void look_up(ikv_store *store, const uint64_t *numbers, uint64_t *keys, double begin,
                    struct run *run)
{
    const uint64_t count = numbers[0], step = numbers[1], pairs = numbers[2], batch = numbers[3];
    ikv_result *result = NULL;
    uint64_t state = 1;
    ikv_error err;

    if (ikv_result_new(&result) < 0)
        exit(1);
    for (uint64_t b = 0; b * batch < count; b++) {
        for (uint64_t i = 0; i < batch; i++)
            keys[i] = next_random(&state) % pairs * step;
        if (ikv_get_many(store, keys, batch, NULL, result, &err) < 0)
            fail(&err);
        run->batches[b] = ikv_result_stats(result)->system_calls;
        if (b == 0)
            run->first_time = now() - begin;
        if (b == 0 && count > batch)
            run->rest_began = now();
        else
            run->requests += run->batches[b];
    }
    ikv_result_free(result);
}

int main(int argc, char **argv)
{
    ikv_http_options http = IKV_HTTP_OPTIONS_INIT;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    struct run run = {0};
    uint64_t numbers[4]; /* COUNT, STEP, PAIRS, BATCH */
    ikv_store *store = NULL;
    ikv_error err;
    ikv_info info;

    if (argc != 7)
        return 2;
    for (int i = 0; i < 4; i++)
        numbers[i] = strtoull(argv[2 + i], NULL, 10);
    const uint64_t batch = numbers[3];
    if (batch == 0)
        return 2;
    http.connections = (uint32_t)strtoul(argv[6], NULL, 10);
    options.http = &http;
    const double begin = now();
    if (ikv_open(argv[1], &options, &store, &err) < 0)
        fail(&err);
    run.rest_began = now();
    const double open_time = run.rest_began - begin;
    ikv_store_info(store, &info);
    uint64_t *keys = calloc(batch, sizeof *keys);
    run.batches = calloc(numbers[0] / batch + 1, sizeof *run.batches);
    if (keys && run.batches) {
        look_up(store, numbers, keys, begin, &run);
        (void)printf("%.6f %.6f %.6f %" PRIu64 " %" PRIu64, open_time, run.first_time,
                     now() - run.rest_began, run.requests, info.open_reads);
        for (uint64_t i = 0; i * batch < numbers[0]; i++)
            (void)printf(" %" PRIu64, run.batches[i]);
        (void)printf("\n");
    }
    free(run.batches);
    free(keys);
    ikv_close(store);
    return 0;
}
