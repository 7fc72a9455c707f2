/*
 * Write pairs in the command's binary input format: u64 key, u32 size (8), 8 bytes of value.
 *
 *   gen_pairs COUNT > PAIRS
 *
 * The keys are all different and look random: key i is a bijective mix of i. The value is i, so
 * that a lookup can be checked. The same COUNT gives the same bytes.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PAIR_SIZE   20
#define PAIRS_AHEAD 4096

/* The finaliser of splitmix64; each of its steps can be undone, so no two keys are equal. */
static uint64_t mix(uint64_t key)
{
    key += 0x9e3779b97f4a7c15u;
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
    return key ^ (key >> 31);
}

static void put(unsigned char *to, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++, number >>= 8)
        to[i] = (unsigned char)number;
}

int main(int argc, char **argv)
{
    static unsigned char buffer[PAIRS_AHEAD * PAIR_SIZE];
    char *end = NULL;
    uint64_t count = argc == 2 ? strtoull(argv[1], &end, 10) : 0;
    size_t used = 0;

    if (argc != 2 || end == argv[1] || *end != '\0') {
        fprintf(stderr, "usage: gen_pairs COUNT > PAIRS\n");
        return 2;
    }
    for (uint64_t i = 0; i < count; i++) {
        put(buffer + used, mix(i), 8);
        put(buffer + used + 8, 8, 4);
        put(buffer + used + 12, i, 8);
        used += PAIR_SIZE;
        if (used == sizeof(buffer) || i + 1 == count) {
            if (fwrite(buffer, 1, used, stdout) != used)
                break;
            used = 0;
        }
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("gen_pairs: standard output");
        return 1;
    }
    return 0;
}
