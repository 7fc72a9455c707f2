#include "core/format/filter.h"

#include "core/format/checksum.h"

#include <errno.h>
#include <stdlib.h>

#define ARITY     4u
#define TRIES_MAX 64

/* Directory entry: 0 u64 first leaf, 8 u64 offset, 16 u64 checksum, 24 u64 seed, 32 u32 blocks,
 * 36 u32 block shift, 40 u32 bits, 44 zero (4). */

void ikv_filter_segment_encode(const struct ikv_filter_segment *segment,
                               unsigned char out[IKV_FILTER_ENTRY_SIZE])
{
    memset(out, 0, IKV_FILTER_ENTRY_SIZE);
    ikv_store64(out, segment->first_leaf);
    ikv_store64(out + 8, segment->offset);
    ikv_store64(out + 16, segment->checksum);
    ikv_store64(out + 24, segment->seed);
    ikv_store32(out + 32, segment->blocks);
    ikv_store32(out + 36, segment->block_shift);
    ikv_store32(out + 40, segment->bits);
}

bool ikv_filter_segment_decode(const unsigned char in[IKV_FILTER_ENTRY_SIZE],
                               struct ikv_filter_segment *ret)
{
    *ret = (struct ikv_filter_segment){
        .first_leaf = ikv_load64(in),
        .offset = ikv_load64(in + 8),
        .checksum = ikv_load64(in + 16),
        .seed = ikv_load64(in + 24),
        .blocks = ikv_load32(in + 32),
        .block_shift = ikv_load32(in + 36),
        .bits = ikv_load32(in + 40),
    };
    return ikv_filter_bits_are_valid(ret->bits) && ret->block_shift <= 18 &&
           (ret->blocks == 0 || ret->blocks >= ARITY) && ikv_filter_cells(ret) <= UINT32_MAX;
}

uint64_t ikv_filter_hash(uint64_t record_seed, const void *stored_key, size_t width)
{
    return ikv_checksum_seeded(stored_key, width, record_seed);
}

/* ---------------------------------------------------------------- cells of a key */

/* The finalizer of MurmurHash3 (A. Appleby). A different hash for each seed. */
static inline uint64_t mix(uint64_t hash, uint64_t seed)
{
    uint64_t h = hash + seed;

    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}

/* High half of a 64 x 32 bit product, in portable C. */
static inline uint64_t multiply_high(uint64_t a, uint32_t b)
{
    return ((a >> 32) * b + ((a & UINT32_MAX) * b >> 32)) >> 32;
}

static inline void cells_of(const struct ikv_filter_segment *segment, uint64_t mixed,
                            uint32_t ret[ARITY])
{
    const uint32_t mask = ((uint32_t)1 << segment->block_shift) - 1;
    const uint32_t starts = (segment->blocks - (ARITY - 1)) << segment->block_shift;
    const uint32_t first = (uint32_t)multiply_high(mixed, starts);

    for (uint32_t i = 0; i < ARITY; i++) {
        ret[i] = first + (i << segment->block_shift);
        if (i > 0)
            ret[i] ^= (uint32_t)(mixed >> (18 * (ARITY - 1 - i))) & mask;
    }
}

static inline uint32_t fingerprint(const struct ikv_filter_segment *segment, uint64_t mixed)
{
    const uint64_t folded = mixed ^ mixed >> 32;

    return (uint32_t)folded & (segment->bits == 8 ? UINT8_MAX : UINT16_MAX);
}

static inline uint32_t cell(const struct ikv_filter_segment *segment, const unsigned char *cells,
                            uint32_t i)
{
    return segment->bits == 8 ? cells[i] : ikv_load16(cells + (size_t)2 * i);
}

bool ikv_filter_may_contain(const struct ikv_filter_segment *segment, const unsigned char *cells,
                            uint64_t hash)
{
    const uint64_t mixed = mix(hash, segment->seed);
    uint32_t at[ARITY];

    if (segment->blocks == 0)
        return true;
    cells_of(segment, mixed, at);
    return (cell(segment, cells, at[0]) ^ cell(segment, cells, at[1]) ^
            cell(segment, cells, at[2]) ^ cell(segment, cells, at[3])) ==
           fingerprint(segment, mixed);
}

/* ---------------------------------------------------------------- building */

struct builder {
    struct ikv_filter_segment segment;
    uint32_t count;
    uint64_t *xor_hashes; /* per cell: xor of the hashes of its keys not placed yet */
    uint8_t *degree;      /* per cell: 4 * number of these keys, xor which of a key's cells it is */
    uint64_t *order;      /* hashes in the order in which they were placed */
    uint8_t *which;       /* which of its cells each of them has alone */
    uint32_t *queue;
};

/* Shift of the block length: floor(log(count) / log(2.91) - 0.5), from the paper. By thresholds, so
 * that the result does not depend on a math library. */
static uint32_t choose_shift(uint32_t count)
{
    static const uint32_t least[] = {5, 15, 43, 123, 357, 1037, 3016, 8776, 25536, 74309, 216237};
    uint32_t shift = 1;

    for (size_t i = 0; i < sizeof least / sizeof least[0] && count >= least[i]; i++)
        shift++;
    return shift;
}

/* Cells per 1,024 keys: 0.77 + 0.305 log(600000) / log(count) from the paper, rounded up. */
static uint32_t cells_per_1024(uint32_t count)
{
    static const struct {
        uint32_t least;
        uint32_t cells;
    } table[] = {{65536, 1164}, {32768, 1190}, {16384, 1218}, {8192, 1250},
                 {4096, 1290},  {1024, 1392},  {256, 1540},   {0, 2200}};
    size_t i = 0;

    while (count < table[i].least)
        i++;
    return table[i].cells;
}

static void choose_size(struct ikv_filter_segment *segment, uint32_t count)
{
    const uint64_t cells = (uint64_t)count * cells_per_1024(count) / 1024 + 1;

    segment->block_shift = choose_shift(count);
    segment->blocks = (uint32_t)((cells - 1) >> segment->block_shift) + 1;
    if (segment->blocks < ARITY)
        segment->blocks = ARITY;
}

static void toggle(struct builder *builder, uint32_t cell_number, uint64_t hash, uint32_t i,
                   int step)
{
    builder->xor_hashes[cell_number] ^= hash;
    builder->degree[cell_number] = (uint8_t)((builder->degree[cell_number] + 4 * step) ^ (int)i);
}

/* A key that has a cell alone can be placed last. Removing it may leave other keys alone in one. */
static uint32_t peel(struct builder *builder)
{
    const uint32_t cells = (uint32_t)ikv_filter_cells(&builder->segment);
    uint32_t queued = 0;
    uint32_t placed = 0;

    for (uint32_t i = 0; i < cells; i++)
        if (builder->degree[i] >> 2 == 1)
            builder->queue[queued++] = i;
    while (queued > 0) {
        const uint32_t at = builder->queue[--queued];
        uint32_t key_cells[ARITY];
        if (builder->degree[at] >> 2 != 1)
            continue;
        const uint64_t mixed = builder->xor_hashes[at];
        builder->order[placed] = mixed;
        builder->which[placed++] = builder->degree[at] & 3;
        cells_of(&builder->segment, mixed, key_cells);
        for (uint32_t i = 0; i < ARITY; i++) {
            toggle(builder, key_cells[i], mixed, i, -1);
            if (builder->degree[key_cells[i]] >> 2 == 1)
                builder->queue[queued++] = key_cells[i];
        }
    }
    return placed;
}

static bool place_all(struct builder *builder, const uint64_t *hashes)
{
    const uint32_t cells = (uint32_t)ikv_filter_cells(&builder->segment);

    memset(builder->xor_hashes, 0, cells * sizeof *builder->xor_hashes);
    memset(builder->degree, 0, cells);
    for (uint32_t i = 0; i < builder->count; i++) {
        const uint64_t mixed = mix(hashes[i], builder->segment.seed);
        uint32_t key_cells[ARITY];
        cells_of(&builder->segment, mixed, key_cells);
        for (uint32_t k = 0; k < ARITY; k++) {
            if (builder->degree[key_cells[k]] >> 2 == 63)
                return false; /* the counter is full */
            toggle(builder, key_cells[k], mixed, k, 1);
        }
    }
    return peel(builder) == builder->count;
}

static void assign(const struct builder *builder, unsigned char *cells)
{
    const struct ikv_filter_segment *segment = &builder->segment;

    for (uint32_t i = builder->count; i-- > 0;) {
        uint32_t at[ARITY];
        uint32_t value = fingerprint(segment, builder->order[i]);
        cells_of(segment, builder->order[i], at);
        for (uint32_t k = 0; k < ARITY; k++)
            value ^= k == builder->which[i] ? 0 : cell(segment, cells, at[k]);
        if (segment->bits == 8)
            cells[at[builder->which[i]]] = (unsigned char)value;
        else
            ikv_store16(cells + (size_t)2 * at[builder->which[i]], (uint16_t)value);
    }
}

static void free_builder(struct builder *builder)
{
    free(builder->xor_hashes);
    free(builder->degree);
    free(builder->order);
    free(builder->which);
    free(builder->queue);
}

static int allocate(struct builder *builder)
{
    const size_t cells = (size_t)ikv_filter_cells(&builder->segment);

    builder->xor_hashes = malloc(cells * sizeof *builder->xor_hashes);
    builder->degree = malloc(cells);
    builder->order = malloc(builder->count * sizeof *builder->order);
    builder->which = malloc(builder->count);
    /* A cell is queued each time it is left with one key: at most once for each key and cell. */
    builder->queue = malloc((cells + (size_t)ARITY * builder->count) * sizeof *builder->queue);
    return builder->xor_hashes && builder->degree && builder->order && builder->which &&
                   builder->queue
               ? 0
               : -ENOMEM;
}

int ikv_filter_build(const uint64_t *hashes, uint32_t count, uint32_t bits,
                     struct ikv_filter_segment *ret, unsigned char **ret_cells)
{
    struct builder builder = {.segment.bits = bits, .count = count};
    unsigned char *cells = NULL;
    bool placed = false;

    choose_size(&builder.segment, count);
    int code = allocate(&builder);
    for (unsigned i = 0; i < TRIES_MAX && code == 0 && !placed; i++) {
        builder.segment.seed = (i + 1) * 0x9e3779b97f4a7c15u;
        placed = place_all(&builder, hashes);
    }
    if (placed) {
        cells = calloc(1, (size_t)ikv_filter_size(&builder.segment));
        code = cells ? 0 : -ENOMEM;
    } else {
        builder.segment.blocks = 0;
    }
    if (cells) {
        assign(&builder, cells);
        builder.segment.checksum = ikv_checksum(cells, (size_t)ikv_filter_size(&builder.segment));
    }
    free_builder(&builder);
    if (code < 0)
        return code;
    builder.segment.first_leaf = builder.segment.offset = 0;
    *ret = builder.segment;
    *ret_cells = cells;
    return 0;
}
