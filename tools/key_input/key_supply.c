#include "key_input/key_supply.h"

#include "base/exit_status.h"
#include "base/signals.h"

/* Keys read at once. */
enum { BATCH = 4096 };

int key_supply_open(struct key_supply *supply, const struct key_file *file, ikv_key_type type,
                    ikv_key_syntax syntax)
{
    *supply = (struct key_supply){.status = STATUS_DONE};
    int status =
        key_reader_from_file(&supply->reader, type, syntax, file->path, file->binary, NULL);
    supply->is_open = status == STATUS_DONE;
    return status;
}

void key_supply_close(struct key_supply *supply)
{
    if (supply->is_open)
        key_reader_close(&supply->reader);
    key_batch_free(&supply->batch);
    supply->is_open = false;
}

int key_supply_next(void *user, ikv_pair *pair)
{
    struct key_supply *supply = user;
    if (supply->next == supply->batch.count) {
        supply->next = 0;
        if (signals_caught())
            return IKV_E_CANCELED;
        int result = key_reader_next(&supply->reader, BATCH, &supply->batch);
        if (result == INPUT_FAILED)
            supply->status = supply->reader.status;
        if (result != INPUT_MORE)
            return result == INPUT_END ? 0 : IKV_E_CANCELED;
    }
    pair->key = supply->batch.keys.data + supply->next++ * supply->reader.format.width;
    supply->count++;
    return 1;
}
