/* A list of keys in any order, sorted in bounded memory, then asked about ascending keys. */
#ifndef IKV_KEY_LIST_H
#define IKV_KEY_LIST_H

#include "core/key/key.h"
#include "core/sort/sorter.h"

struct ikv_key_list {
    struct ikv_sorter *sorter; /* NULL: the list is not used */
    const uint64_t *next;      /* the first key not passed yet; NULL: none */
    uint32_t words;
};

/* Load the keys that `next` supplies. 0; IKV_E_INVALID: it returned a positive value other than 1;
 * its own negative code; an error of the sorter. Free the list in any case. */
int ikv_key_list_load(struct ikv_key_list *list, const struct ikv_key_info *key,
                      const struct ikv_sorter_options *options, ikv_next_fn next, void *user);
void ikv_key_list_free(struct ikv_key_list *list); /* an all-zero list is allowed */

/* Whether the list has the key, which is not less than that of the last call. */
int ikv_key_list_has(struct ikv_key_list *list, const uint64_t *words, bool *ret);

#endif
