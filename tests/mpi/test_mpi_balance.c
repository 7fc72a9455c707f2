/* Builds give each rank about the same number of pairs, whatever the distribution of keys. */
#include "mpi_checks.h"
#include "rng.h"
#include "scale.h"

#include <stdint.h>

/* Keys of many distributions, as numbers. */
enum { UNIFORM, SEQUENCE, SQUARES, ZIPF, TWO_CLUSTERS, FEW_REPEATED, DISTRIBUTIONS };

static uint64_t draw(int distribution, size_t i, rng_state *rng)
{
    const double u = (double)(rng_next(rng) >> 11) / 9007199254740992.0;
    switch (distribution) {
    case UNIFORM:
        return rng_next(rng);
    case SEQUENCE:
        return i;
    case SQUARES:
        return (uint64_t)(u * u * u * u * 1e12);
    case ZIPF: /* popular keys are small and on every rank */
        return (uint64_t)(1 / (u + 1e-6) * 3000);
    case TWO_CLUSTERS:
        return rng_below(rng, 100) == 0 ? rng_next(rng)
                                        : (UINT64_C(1) << 63) + rng_below(rng, 1000000);
    default: /* half of all pairs have one key */
        return rng_below(rng, 2) ? 42 : rng_next(rng) >> 40;
    }
}

struct drawn {
    int distribution;
    size_t count, next;
    rng_state rng;
    uint64_t key;
};

static int next_drawn(void *user, ikv_mpi_pair *pair)
{
    struct drawn *drawn = user;
    if (drawn->next == drawn->count)
        return 0;
    const size_t i = (size_t)mpi_rank * drawn->count + drawn->next++;
    drawn->key = draw(drawn->distribution, i, &drawn->rng);
    pair->key = &drawn->key;
    pair->value = "value";
    pair->size = 5;
    return 1;
}

static void test_balance(void)
{
    for (int distribution = 0; distribution < DISTRIBUTIONS; distribution++) {
        tmpdir dir;
        ikv_writer_options writer;
        ikv_error err;
        ikv_mpi_build_stats stats;
        mpi_case("balance, distribution %d", distribution);
        mpi_new_dir(&dir);
        const ikv_mpi_build_options options = mpi_build_options(&writer, IKV_KEY_U64, 0);
        writer.on_duplicate = IKV_DUPLICATES_LAST;
        struct drawn drawn = {.distribution = distribution,
                              .count = test_scaled_min(100000, 20000) / (size_t)mpi_ranks,
                              .rng = {(uint64_t)mpi_rank + 1}};
        CHECK_OK(
            ikv_mpi_build(MPI_COMM_WORLD, dir.path, &options, next_drawn, &drawn, &stats, &err),
            &err);
        uint64_t most = stats.written;
        (void)MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
        const uint64_t thousands = most * 1000 * (uint64_t)mpi_ranks;
        if (thousands > 1300 * stats.pairs)
            mpi_fail(__FILE__, __LINE__, "a rank has %llu of %llu pairs", (unsigned long long)most,
                     (unsigned long long)stats.pairs);
        CHECK(stats.largest_rank_permille == (thousands + stats.pairs / 2) / stats.pairs);
        uint64_t sums[2] = {stats.written, stats.read};
        (void)MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
        CHECK(sums[0] == stats.pairs && sums[1] == stats.pairs + stats.dropped);
    }
}

int main(int argc, char **argv)
{
    mpi_begin(&argc, &argv);
    test_balance();
    return mpi_end();
}
