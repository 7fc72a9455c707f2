#include "core/io/own_files.h"

#include "core/platform/platform.h"

#include <unistd.h>

/* The thread that changes NEW to OPENING opens the file. A forked child may find it OPENING
 * forever. */
enum { NEW = 0, OPENING, OPEN, FAILED };

static unsigned index_of(unsigned number)
{
    return (number - 1) % IKV_OWN_FILES;
}

const struct ikv_io_file *ikv_own_file(struct ikv_own_files *own, const struct ikv_io_file *shared,
                                       unsigned number)
{
    if (number == 0 || shared->direct) /* compared with a device, counters cost nothing */
        return shared;
    struct ikv_own_file *mine = &own->files[index_of(number)];
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

const struct ikv_io_file *ikv_own_file_if_open(const struct ikv_own_files *own, unsigned number)
{
    const struct ikv_own_file *mine = number ? &own->files[index_of(number)] : NULL;

    return mine && atomic_load_explicit(&mine->state, memory_order_acquire) == OPEN ? &mine->file
                                                                                    : NULL;
}

void ikv_own_files_close(struct ikv_own_files *own)
{
    for (unsigned i = 0; i < IKV_OWN_FILES; i++)
        if (atomic_exchange(&own->files[i].state, FAILED) == OPEN)
            (void)close(own->files[i].file.fd);
}
