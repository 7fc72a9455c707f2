#include "core/io/own_files.h"

#include "core/base/platform.h"

#include <unistd.h>

/* Who moves it from NEW opens the file; a child of a fork may find it OPENING for ever. */
enum { NEW = 0, OPENING, OPEN, FAILED };

static unsigned place_of(unsigned number)
{
    return (number - 1) % IKV_OWN_FILES;
}

const struct ikv_io_file *ikv_own_file(struct ikv_own_files *own, const struct ikv_io_file *shared,
                                       unsigned number)
{
    if (number == 0 || shared->direct) /* a device takes longer than any counter */
        return shared;
    struct ikv_own_file *mine = &own->files[place_of(number)];
    int state = atomic_load_explicit(&mine->state, memory_order_acquire);

    if (state == NEW && atomic_compare_exchange_strong(&mine->state, &state, OPENING)) {
        mine->file = *shared;
        mine->file.fd = ikv_platform_reopen(shared->fd);
        state = mine->file.fd >= 0 ? OPEN : FAILED;
        if (state == OPEN)
            IKV_ADVISE_RANDOM(mine->file.fd);
        atomic_store_explicit(&mine->state, state, memory_order_release);
    }
    return state == OPEN ? &mine->file : shared;
}

const struct ikv_io_file *ikv_own_file_of(const struct ikv_own_files *own, unsigned number)
{
    const struct ikv_own_file *mine = number ? &own->files[place_of(number)] : NULL;

    return mine && atomic_load_explicit(&mine->state, memory_order_acquire) == OPEN ? &mine->file
                                                                                    : NULL;
}

void ikv_own_files_close(struct ikv_own_files *own)
{
    for (unsigned i = 0; i < IKV_OWN_FILES; i++)
        if (atomic_exchange(&own->files[i].state, FAILED) == OPEN)
            (void)close(own->files[i].file.fd);
}
