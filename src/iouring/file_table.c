#include "iouring/file_table.h"

#include <errno.h>

/* A slot is reassigned only if it was not used for this many requests. So with more files in use
 * than slots, files do not keep evicting each other; the excess is read through descriptors. */
#define IDLE_REQUESTS 1024

void ikv_file_table_open(struct ikv_file_table *table, struct ikv_ring *ring, bool wanted)
{
    int none[IKV_FILE_SLOTS];

    *table = (struct ikv_file_table){.ring = ring};
    for (int i = 0; i < IKV_FILE_SLOTS; i++)
        none[i] = table->slots[i].fd = -1;
    if (!wanted)
        ring->features &= ~(unsigned)IKV_URING_FILES;
    if (!(ring->features & IKV_URING_FILES))
        return;
    /* -1 is an empty slot. Works on old kernels, too. */
    ring->files_code = io_uring_register_files(&ring->uring, none, IKV_FILE_SLOTS);
    table->registered = ring->files_code == 0;
    if (!table->registered) {
        ring->features &= ~(unsigned)IKV_URING_FILES;
        ring->refused |= IKV_URING_FILES;
    }
}

void ikv_file_table_close(struct ikv_file_table *table)
{
    if (table->registered)
        (void)io_uring_unregister_files(&table->ring->uring);
    table->registered = false;
}

static bool is_slot_of(const struct ikv_file_slot *slot, const struct ikv_io_file *file)
{
    return slot->fd == file->fd && slot->serial == file->serial && !slot->unregistered &&
           slot->fd >= 0;
}

static int find(const struct ikv_file_table *table, const struct ikv_io_file *file)
{
    if (is_slot_of(&table->slots[table->last], file))
        return table->last;
    for (int i = 0; i < IKV_FILE_SLOTS; i++)
        if (is_slot_of(&table->slots[i], file))
            return i;
    return IKV_NO_SLOT;
}

/* An empty slot, or the least recently used one, if it is idle. */
static int find_room(const struct ikv_file_table *table)
{
    int oldest = IKV_NO_SLOT;

    for (int i = 0; i < IKV_FILE_SLOTS; i++) {
        const struct ikv_file_slot *slot = &table->slots[i];
        if (slot->fd < 0)
            return i;
        if (slot->uses == 0 &&
            (oldest == IKV_NO_SLOT || slot->used_at < table->slots[oldest].used_at))
            oldest = i;
    }
    if (oldest != IKV_NO_SLOT && table->clock - table->slots[oldest].used_at < IDLE_REQUESTS)
        return IKV_NO_SLOT;
    return oldest;
}

/* Register `fd` in a slot; -1: empty it. False: failed, the slot is empty. */
static bool update(struct ikv_file_table *table, int slot, int fd)
{
    int count = io_uring_register_files_update(&table->ring->uring, (unsigned)slot, &fd, 1);

    table->slots[slot] = (struct ikv_file_slot){.fd = count == 1 ? fd : -1};
    return count == 1;
}

/* Assign a slot to a file, or return IKV_NO_SLOT. */
static int assign(struct ikv_file_table *table, const struct ikv_io_file *file)
{
    int slot = find_room(table);

    if (slot == IKV_NO_SLOT || !update(table, slot, file->fd))
        return IKV_NO_SLOT;
    table->slots[slot].serial = file->serial;
    return slot;
}

int ikv_file_table_take(struct ikv_file_table *table, const struct ikv_io_file *file)
{
    if (!table->registered)
        return IKV_NO_SLOT;
    table->clock++;
    int slot = find(table, file);
    if (slot == IKV_NO_SLOT)
        slot = assign(table, file);
    if (slot == IKV_NO_SLOT)
        return IKV_NO_SLOT;
    table->slots[slot].used_at = table->clock;
    table->slots[slot].uses++;
    table->last = slot;
    return slot;
}

static void free_if_unused(struct ikv_file_table *table, int slot)
{
    if (table->slots[slot].unregistered && table->slots[slot].uses == 0)
        (void)update(table, slot, -1);
}

void ikv_file_table_release(struct ikv_file_table *table, int slot)
{
    if (slot == IKV_NO_SLOT)
        return;
    table->slots[slot].uses--;
    free_if_unused(table, slot);
}

void ikv_file_table_unregister(struct ikv_file_table *table, const struct ikv_io_file *file)
{
    if (!table->registered)
        return;
    int slot = find(table, file);
    if (slot == IKV_NO_SLOT)
        return;
    table->slots[slot].unregistered = true;
    free_if_unused(table, slot);
}
