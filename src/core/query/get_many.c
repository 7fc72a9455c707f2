#include "core/query/execute.h"
#include "core/query/query.h"

int ikv_get_many(ikv_store *store, const void *keys, size_t count, const ikv_get_options *options,
                 ikv_result *result, ikv_error *err)
{
    int code = ikv_query_begin(store, keys, count, options, result, err);

    if (code < 0)
        return code;
    if (count > 0)
        ikv_execute(result);
    else
        ikv_query_end(result, 0);
    if (result->code < 0 && err)
        *err = result->error;
    return result->code;
}
