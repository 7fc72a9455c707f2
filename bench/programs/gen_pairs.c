/*
 * Writes pairs in the binary input format of `indexkv build`: u64 key, u32 size, value.
 *
 *   gen_pairs COUNT [VALUE_SIZE] > PAIRS
 *
 * Keys are unique and look random: key i is a bijective mix of i. A value starts with i in 8 bytes,
 * so that lookups can be checked, followed by zeros; VALUE_SIZE is at least 8, the default. The
 * same arguments give the same output.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BUFFER_SIZE    ((size_t)1 << 18)
#define VALUE_SIZE_MAX ((uint64_t)65536)

/* The finaliser of splitmix64, a bijection: keys are unique. */
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

static int usage(void)
{
    fprintf(stderr, "usage: gen_pairs COUNT [VALUE_SIZE] > PAIRS\n");
    return 2;
}

static int parse(const char *text, uint64_t *number)
{
    char *end = NULL;
    *number = strtoull(text, &end, 10);
    return end != text && *end == '\0' ? 0 : -1;
}

int main(int argc, char **argv)
{
    static unsigned char buffer[BUFFER_SIZE];
    uint64_t count;
    uint64_t value_size = 8;
    size_t used = 0;

    if (argc < 2 || argc > 3 || parse(argv[1], &count) != 0 ||
        (argc == 3 && parse(argv[2], &value_size) != 0) || value_size < 8 ||
        value_size > VALUE_SIZE_MAX)
        return usage();
    for (uint64_t i = 0; i < count; i++) {
        put(buffer + used, mix(i), 8);
        put(buffer + used + 8, value_size, 4);
        put(buffer + used + 12, i, 8);
        used += 12 + (size_t)value_size; /* bytes after the first 8 are never written: zeros */
        if (used + 12 + value_size > sizeof(buffer) || i + 1 == count) {
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
