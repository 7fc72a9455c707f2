#include "core/io/thread_files.h"

#include "core/platform/platform.h"

#include <unistd.h>

/* The thread that changes NEW to OPENING opens the file. A forked child may find it OPENING
 * forever. */
enum { NEW = 0, OPENING, OPEN, FAILED };

static unsigned index_of(unsigned number)
{
    return (number - 1) % IKV_THREAD_FILES;
}

const struct ikv_io_file *ikv_thread_file(struct ikv_thread_files *files,
                                          const struct ikv_io_file *shared, unsigned number)
{
    if (number == 0 || shared->direct ||
        shared->source) /* compared with a device, counters cost nothing */
        return shared;
    struct ikv_thread_file *mine = &files->threads[index_of(number)];
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

const struct ikv_io_file *ikv_thread_file_if_open(const struct ikv_thread_files *files,
                                                  unsigned number)
{
    const struct ikv_thread_file *mine = number ? &files->threads[index_of(number)] : NULL;

    return mine && atomic_load_explicit(&mine->state, memory_order_acquire) == OPEN ? &mine->file
                                                                                    : NULL;
}

void ikv_thread_files_close(struct ikv_thread_files *files)
{
    for (unsigned i = 0; i < IKV_THREAD_FILES; i++)
        if (atomic_exchange(&files->threads[i].state, FAILED) == OPEN)
            (void)close(files->threads[i].file.fd);
}
