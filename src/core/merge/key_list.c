#include "core/merge/key_list.h"

int ikv_key_list_load(struct ikv_key_list *list, const struct ikv_key_info *key,
                      const struct ikv_sorter_options *options, ikv_next_fn next, void *user)
{
    unsigned char stored[IKV_KEY_WIDTH_MAX];
    uint64_t words[IKV_KEY_WORDS_MAX];
    struct ikv_pair pair = {0};
    int more = 0;

    list->words = key->words;
    int code = ikv_sorter_new(options, &list->sorter);
    while (code == 0 && (more = next(user, &pair)) == 1) {
        if (!pair.key)
            return IKV_E_INVALID;
        ikv_key_swap_host(key, pair.key, stored);
        ikv_key_load(key, stored, words);
        code = ikv_sorter_add(list->sorter, words);
    }
    if (code == 0 && more != 0)
        code = more < 0 ? more : IKV_E_INVALID;
    if (code == 0)
        code = ikv_sorter_finish(list->sorter, NULL, NULL);
    if (code == 0)
        list->next = ikv_sorter_next(list->sorter, &code);
    return code;
}

void ikv_key_list_free(struct ikv_key_list *list)
{
    ikv_sorter_free(list->sorter);
    list->sorter = NULL;
}

int ikv_key_list_has(struct ikv_key_list *list, const uint64_t *words, bool *ret)
{
    int code = 0;

    *ret = false;
    while (list->next) {
        const int order = ikv_words_compare(list->next, words, list->words);
        *ret = order == 0;
        if (order >= 0)
            break;
        list->next = ikv_sorter_next(list->sorter, &code);
    }
    return code;
}
