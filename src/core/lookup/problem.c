#include "core/lookup/problem.h"

#include "core/io/source.h"

void ikv_problem_note(struct ikv_problem *problem, const struct ikv_store *store, int code,
                      uint64_t offset, const unsigned char *stored_key, const char *what)
{
    const bool read_failed = ikv_is_read_failure(code);
    const struct ikv_key_info *info = &store->index.key;
    unsigned char key[IKV_KEY_WIDTH_MAX];
    struct ikv_where where = {store->path, offset, IKV_KEY_NONE, NULL};
    struct ikv_error now;
    char text[240];

    if (problem->any && (!read_failed || problem->read_code))
        return;
    if (stored_key) {
        ikv_key_swap_host(info, stored_key, key);
        where.key_type = info->type;
        where.key = key;
    }
    if (read_failed)
        what = ikv_file_explain(store->reads, code, what, text, sizeof text);
    (void)ikv_fail(&now, code, where, "%s", what);
    if (!problem->any)
        problem->first = now;
    problem->any = true;
    if (read_failed && problem->read_code == 0) {
        problem->read_code = code;
        problem->read_error = now;
    }
}

void ikv_problem_merge(struct ikv_problem *problem, const struct ikv_problem *other)
{
    if (other->any && !problem->any) {
        problem->first = other->first;
        problem->any = true;
    }
    if (other->read_code && !problem->read_code) {
        problem->read_code = other->read_code;
        problem->read_error = other->read_error;
    }
}
