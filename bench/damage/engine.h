/* Stores whose files are damaged: written with the same records, and read one key at a time. */
#ifndef DAMAGE_ENGINE_H
#define DAMAGE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#define VALUE_SIZE 100

/* The records: key i is record_key(i); the value depends on the key and on the generation. */
uint64_t record_key(uint64_t i);
void record_value(uint64_t i, unsigned generation, unsigned char ret_value[VALUE_SIZE]);

enum answer { ANSWER_FOUND, ANSWER_MISSING, ANSWER_ERROR };

struct reader; /* of an engine's own */

struct engine {
    const char *name;
    const char *checks; /* what it verifies as used here */
    /* Write `count` records of a generation. Pairs are passed in ascending order of the keys'
     * bytes, most significant first. Returns 0. */
    int (*write)(const char *path, uint64_t count, unsigned generation);
    /* The file that has the records; NULL: the path itself. */
    const char *suffix;
    /* Returns 0, or -1 if the store is refused. */
    int (*open)(const char *path, struct reader **ret);
    /* A found value is copied, up to VALUE_SIZE bytes of it; its size is returned as it is. */
    enum answer (*get)(struct reader *reader, uint64_t key, unsigned char *value, size_t *size);
    void (*close)(struct reader *reader);
};

extern const struct engine engines[];
extern const size_t engine_count;

/* Record numbers in ascending order of their keys. Free with free(). */
uint64_t *records_in_order(uint64_t count);
/* The eight bytes of a key, most significant first. */
void key_bytes(uint64_t key, unsigned char ret[8]);

#endif
