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

int main(int argc, char **argv)
{
    ikv_http_options http = IKV_HTTP_OPTIONS_INIT;
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    ikv_store *store = NULL;
    ikv_result *result = NULL;
    ikv_error err;
    uint64_t state = 1;
    uint64_t requests = 0;
    ikv_info info;

    if (argc != 7)
        return 2;
    const uint64_t count = strtoull(argv[2], NULL, 10);
    const uint64_t step = strtoull(argv[3], NULL, 10);
    const uint64_t pairs = strtoull(argv[4], NULL, 10);
    const uint64_t batch = strtoull(argv[5], NULL, 10);
    http.connections = (uint32_t)strtoul(argv[6], NULL, 10);
    options.http = &http;
    uint64_t *keys = malloc(batch * sizeof *keys);
    if (!keys || ikv_result_new(&result) < 0) {
        free(keys);
        return 1;
    }
    const double begin = now();
    if (ikv_open(argv[1], &options, &store, &err) < 0) {
        free(keys);
        fail(&err);
    }
    double opened = now();
    const double open_time = opened - begin;
    double first_time = 0;
    ikv_store_info(store, &info);
    uint64_t *batches = calloc(count / batch + 1, sizeof *batches);
    if (!batches) {
        free(keys);
        return 1;
    }
    for (uint64_t done = 0; done < count; done += batch) {
        for (uint64_t i = 0; i < batch; i++)
            keys[i] = next_random(&state) % pairs * step;
        if (ikv_get_many(store, keys, batch, NULL, result, &err) < 0) {
            free(keys);
            fail(&err);
        }
        batches[done / batch] = ikv_result_stats(result)->system_calls;
        if (done == 0)
            first_time = now() - begin;
        if (done == 0 && count > batch)
            opened = now();
        else
            requests += batches[done / batch];
    }
    (void)printf("%.6f %.6f %.6f %" PRIu64 " %" PRIu64, open_time, first_time, now() - opened,
                 requests, info.open_reads);
    for (uint64_t i = 0; i * batch < count; i++)
        (void)printf(" %" PRIu64, batches[i]);
    (void)printf("\n");
    free(batches);
    ikv_result_free(result);
    ikv_close(store);
    free(keys);
    return 0;
}
