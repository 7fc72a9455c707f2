/* Supply the keys of a file to a call of the library that takes a list of keys. */
#ifndef KEY_SUPPLY_H
#define KEY_SUPPLY_H

#include "key_input/key_reader.h"

/* A file of keys, as an option names it. */
struct key_file {
    const char *path; /* NULL: not given */
    bool binary;
};

struct key_supply {
    struct key_reader reader;
    bool is_open;
    struct key_batch batch;
    size_t next;
    uint64_t count; /* keys supplied so far */
    int status;     /* exit status after a failure, which was reported */
};

/* Returns STATUS_DONE, or an exit status after reporting. Close the supply in any case. */
int key_supply_open(struct key_supply *supply, const struct key_file *file, ikv_key_type type,
                    ikv_key_syntax syntax);
void key_supply_close(struct key_supply *supply);

/* An ikv_next_fn; `user` is a struct key_supply. After a failure it returns IKV_E_CANCELED. */
int key_supply_next(void *user, ikv_pair *pair);

#endif
