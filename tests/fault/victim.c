#include "victim.h"

#include "hostkey.h"
#include "stores.h"
#include "written.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void repeat_keys(store_model *model)
{
    size_t count = model->count;
    for (size_t i = 0; i < count; i += 10) {
        const model_pair *pair = &model->pairs[i];
        unsigned char key[IKV_KEY_WIDTH_MAX];
        memcpy(key, pair->key, hostkey_width(model->type));
        model_add(model, key, &i, i % sizeof(i));
    }
    (void)model_sort(model, MODEL_KEEP_LAST);
}

static void make_old_store(const victim *self)
{
    store_model model;
    rng_state rng = {77};
    ikv_writer_options options = store_options_with(self->setup.type, self->setup.flags);
    model_init(&model, self->setup.type);
    model_fill(&model, &rng, 20, MODEL_KEYS_UNIFORM, MODEL_SIZES_SMALL);
    store_write(self->path, &model, &options);
    model_free(&model);
}

/* In the file, a value is followed by the last key of its range. */
static void decode_ranges(const victim *self)
{
    const size_t width = hostkey_width(self->setup.type);
    store_model pairs;

    model_init(&pairs, self->setup.type);
    for (size_t i = 0; i < self->model.sorted_count; i++) {
        const model_pair *pair = self->model.sorted[i];
        unsigned char *content = must_malloc(pair->size + width);
        memcpy(content, pair->value, pair->size);
        hostkey_to_file(self->setup.type, pair->key, content + pair->size);
        model_add(&pairs, pair->key, content, pair->size + width);
        free(content);
    }
    (void)model_sort(&pairs, MODEL_KEEP_ALL);
    assert_written(self->path, &pairs, false, 0);
    model_free(&pairs);
}

static void decode_and_compare(const victim *self)
{
    const bool plain = (self->setup.flags & IKV_WRITE_PLAIN) != 0;

    if (self->setup.ranges)
        decode_ranges(self);
    else
        assert_written(self->path, &self->model, plain, 0);
    assert_store_equals(self->path, &self->model);
}

/* A merge writes records in key order. */
static void put_in_key_order(store_model *model)
{
    store_model ordered;
    model_init(&ordered, model->type);
    (void)model_sort(model, MODEL_KEEP_LAST);
    for (size_t i = 0; i < model->sorted_count; i++)
        model_add(&ordered, model->sorted[i]->key, model->sorted[i]->value, model->sorted[i]->size);
    (void)model_sort(&ordered, MODEL_KEEP_ALL);
    model_free(model);
    *model = ordered;
}

/* Two stores with every other pair each, in arrival order and in the layout under test. */
static void make_inputs(victim *self)
{
    ikv_writer_options options = store_options(self->setup.type);
    tmpdir_make_in_memory(&self->inputs);
    for (size_t i = 0; i < 2; i++) {
        char *path = tmpdir_file(&self->inputs, i == 0 ? "first" : "second");
        store_model part;
        model_init(&part, self->setup.type);
        for (size_t n = i; n < self->model.count; n += 2)
            model_add(&part, self->model.pairs[n].key, self->model.pairs[n].value,
                      self->model.pairs[n].size);
        store_write(path, &part, &options);
        self->input[i] = store_open(path, self->setup.type, 0, 0);
        model_free(&part);
        free(path);
    }
    put_in_key_order(&self->model);
}

static void free_inputs(victim *self)
{
    for (size_t i = 0; self->setup.merged && i < 2; i++)
        ikv_close(self->input[i]);
    if (self->setup.merged)
        tmpdir_remove(&self->inputs);
}

void victim_make(victim *ret_self, const victim_setup *setup)
{
    victim *self = ret_self;
    rng_state rng = {setup->pairs + 1};
    ikv_error err;

    memset(self, 0, sizeof(*self));
    self->setup = *setup;
    if (setup->on_disk)
        tmpdir_make(&self->dir);
    else
        tmpdir_make_in_memory(&self->dir);
    self->path = tmpdir_file(&self->dir, "store");
    self->options = store_options_with(setup->type, setup->flags);
    self->options.memory = setup->memory;
    model_init(&self->model, setup->type);
    model_fill(&self->model, &rng, setup->pairs, MODEL_KEYS_UNIFORM, setup->sizes);
    if (setup->duplicates) {
        repeat_keys(&self->model);
        self->options.on_duplicate = IKV_DUPLICATES_LAST;
    }
    if (setup->merged)
        make_inputs(self);
    if (setup->ranges) {
        self->options.flags |= IKV_WRITE_RANGES;
        put_in_key_order(&self->model);
    }
    assert_ok(victim_build(self, &err), &err);
    decode_and_compare(self);
    self->new_image = file_read(self->path, &self->new_size);
    if (!setup->no_old_store) {
        make_old_store(self);
        self->old_image = file_read(self->path, &self->old_size);
    }
    victim_reset(self);
}

void victim_free(victim *self)
{
    free_inputs(self);
    tmpdir_remove(&self->dir);
    model_free(&self->model);
    free(self->path);
    free(self->old_image);
    free(self->new_image);
    memset(self, 0, sizeof(*self));
}

/* ---------------------------------------------------------------- building */

typedef struct source {
    const store_model *model;
    size_t next;
} source;

static int next_pair(void *user, ikv_pair *pair)
{
    source *from = user;
    if (from->next == from->model->count)
        return 0;
    const model_pair *next = &from->model->pairs[from->next++];
    *pair = (ikv_pair){next->key, next->value, next->size};
    return 1;
}

static int merge(victim *self, ikv_error *err)
{
    ikv_merge_options options = IKV_MERGE_OPTIONS_INIT;
    ikv_merge_stats stats;

    options.writer = &self->options;
    options.memory = self->setup.memory;
    const int code = ikv_merge(self->path, self->input, 2, &options, &stats, err);
    if (code == 0)
        self->stats = stats.written;
    return code;
}

int victim_build(victim *self, ikv_error *err)
{
    source from = {&self->model, 0};
    ikv_writer *writer = NULL;

    if (self->setup.merged)
        return merge(self, err);
    if (self->setup.by_callback)
        return ikv_build(self->path, &self->options, next_pair, &from, &self->stats, err);
    int code = ikv_writer_new(self->path, &self->options, &writer, err);
    if (code != 0)
        return code;
    for (size_t i = 0; i < self->model.count; i++) {
        const model_pair *pair = &self->model.pairs[i];
        code = ikv_writer_add(writer, pair->key, pair->value, pair->size, err);
        if (code != 0) {
            ikv_writer_abort(writer);
            return code;
        }
    }
    return ikv_writer_finish(writer, &self->stats, err);
}

/* ---------------------------------------------------------------- the directory */

static bool has_contents(const char *path, const unsigned char *image, size_t size)
{
    if (image == NULL)
        return !file_exists(path);
    if (!file_exists(path))
        return false;
    size_t here_size;
    unsigned char *here = file_read(path, &here_size);
    bool same = here_size == size && memcmp(here, image, size) == 0;
    free(here);
    return same;
}

bool victim_is_old(const victim *self)
{
    return has_contents(self->path, self->old_image, self->old_size);
}

bool victim_is_new(const victim *self)
{
    return has_contents(self->path, self->new_image, self->new_size);
}

size_t victim_orphans(const victim *self)
{
    return tmpdir_count(&self->dir) - (size_t)file_exists(self->path);
}

char *victim_orphan(const victim *self)
{
    char *list = tmpdir_list(&self->dir);
    char *orphan = NULL;
    char *rest = NULL;
    for (char *name = strtok_r(list, "\n", &rest); name != NULL && orphan == NULL;
         name = strtok_r(NULL, "\n", &rest)) {
        if (strcmp(name, "store") != 0)
            orphan = tmpdir_file(&self->dir, name);
    }
    free(list);
    return orphan;
}

void victim_reset(const victim *self)
{
    for (char *orphan = victim_orphan(self); orphan != NULL; orphan = victim_orphan(self)) {
        if (unlink(orphan) != 0)
            test_die("unlink %s: %s", orphan, strerror(errno));
        free(orphan);
    }
    /* A new file each time: readers of the previous one must not see a change. */
    if (file_exists(self->path) && unlink(self->path) != 0)
        test_die("unlink %s: %s", self->path, strerror(errno));
    if (self->old_image != NULL)
        file_write(self->path, self->old_image, self->old_size);
}
