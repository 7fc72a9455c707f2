/* The micro-benchmark program. Its only options are those of google-benchmark. */
#include "disk/context.h"
#include "harness/harness.h"
#include "micro/micro.h"

#include <stdio.h>

static void add_context(void *user, const char *name, const char *value)
{
    (void)user;
    bench_context(name, value);
}

int main(int argc, char **argv)
{
    struct bench_summary summary;

    bench_init(&argc, argv, bench_help);
    context_find(".", add_context, NULL);
    codec_register();
    checksum_register();
    search_register();
    sort_register();
    bench_run(&summary);
    if (summary.failed > 0)
        (void)fprintf(stderr, "indexkv_micro: %u benchmarks failed\n", summary.failed);
    return summary.failed > 0;
}
