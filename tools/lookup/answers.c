#include "lookup/answers.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "text/keys.h"

struct item_key answers_key(const struct answers *answers, const struct key_batch *keys, size_t i)
{
    struct item_key key = {.key = keys->keys.data + i * answers->writer.key_width,
                           .syntax = answers->key_syntax};
    key.text = key_batch_text(keys, i, &key.text_length);
    return key;
}

struct excerpt answers_excerpt(const struct answers *answers, const struct item_key *key)
{
    if (key->text != NULL)
        return excerpt_of(key->text, key->text_length);
    char text[IKV_KEY_TEXT_MAX];
    int length = ikv_key_format(answers->writer.key_type, key->syntax, key->key, text, sizeof text);
    return excerpt_of(text, length > 0 ? (size_t)length : 0);
}

int answers_missing(struct answers *answers, const struct item_key *key)
{
    const struct item_key none = {0};
    if (answers->report_missing)
        message("%s: key %s not found", answers->name, answers_excerpt(answers, key).text);
    if (answers->missing == MISSING_EMPTY)
        item_write(&answers->writer, key, &none, NULL, 0);
    return answers->report_missing ? STATUS_MISSING : STATUS_DONE;
}

size_t answers_bad_lines(struct answers *answers, const struct key_batch *keys, size_t next,
                         size_t before)
{
    const struct item_key none = {0};
    for (; next < keys->bad_count; next++) {
        const struct bad_line *bad = key_batch_bad(keys, next);
        if (bad->before > before)
            break;
        size_t length = bad->text.length < KEY_INPUT_MAX ? bad->text.length : KEY_INPUT_MAX;
        const struct item_key key = {.text = keys->lines.data + bad->text.start,
                                     .text_length = length};
        if (answers->missing == MISSING_EMPTY)
            item_write(&answers->writer, &key, &none, NULL, 0);
    }
    return next;
}

void answers_found(struct answers *answers, const struct item_key *key, struct item_key matched,
                   const void *value, uint32_t size)
{
    matched.syntax = answers->key_syntax;
    /* Write the matched key in the syntax of the requested key. */
    if (answers->writer.with_matched && matched.syntax == IKV_SYNTAX_AUTO && key->text != NULL)
        matched.syntax = key_syntax_of(answers->writer.key_type, key->text, key->text_length);
    item_write(&answers->writer, key, &matched, value, size);
}

static int write_found(struct answers *answers, const struct item_key *key, const ikv_item *item,
                       const ikv_store *store)
{
    unsigned char last[IKV_KEY_WIDTH_MAX];
    struct item_key matched = {.key = item->key};
    if (answers->writer.with_last && ikv_range_last(store, item, last) == 0)
        matched.last = last;
    answers_found(answers, key, matched, item->value, item->size);
    return STATUS_DONE;
}

/* Report a failed key, unless it is the one in the message about `problem`. */
static void report_failed(const struct answers *answers, const struct item_key *key,
                          const char *path, const ikv_error *problem, const char *what)
{
    ikv_key_type type = answers->writer.key_type;
    if (problem == NULL || problem->key_type != type ||
        ikv_key_compare(type, problem->key, key->key) != 0)
        message("%s: key %s: %s", path, answers_excerpt(answers, key).text, what);
}

static int write_corrupt(const struct answers *answers, const struct item_key *key,
                         const struct table_store *origin, const ikv_error *problem)
{
    report_failed(answers, key, origin->path, problem,
                  origin->layout == IKV_LAYOUT_CLUSTERED ? "its leaf or record is corrupt"
                                                         : "its index page or record is corrupt");
    return STATUS_CORRUPT;
}

/* Keys of a shard that is missing are counted, see lookup.unavailable. */
static int write_unreadable(const struct answers *answers, const struct item_key *key,
                            const struct table_store *origin, const ikv_error *problem)
{
    if (!origin->missing)
        report_failed(answers, key, origin->path, problem, "read error");
    else if (answers->report_missing)
        message("%s: key %s: its shard is missing", origin->path,
                answers_excerpt(answers, key).text);
    return STATUS_IO;
}

/* Write answer i. Returns its exit status. */
static int write_answer(struct answers *answers, const struct key_batch *keys,
                        const struct answer_batch *batch, size_t i)
{
    const ikv_item *item = &batch->items[i];
    const struct item_key key = answers_key(answers, keys, i);
    const struct table_store *origin =
        batch->origins != NULL ? batch->origins[i] : &answers->table->stores[0];
    switch ((ikv_status)item->status) {
    case IKV_FOUND:
        return write_found(answers, &key, item, origin->store);
    case IKV_MISSING:
        return answers_missing(answers, &key);
    case IKV_CORRUPT:
        return write_corrupt(answers, &key, origin, batch->problem);
    case IKV_UNREADABLE:
    case IKV_OTHER_SIZE: /* impossible: get requests no particular value size */
        break;
    }
    return write_unreadable(answers, &key, origin, batch->problem);
}

int answers_write(struct answers *answers, const struct key_batch *keys, struct answer_batch *batch)
{
    struct item_writer *writer = &answers->writer;
    struct output *output = writer->output;
    size_t next_bad = 0;
    int status = STATUS_DONE;
    for (; batch->next < batch->count && output->error == 0; batch->next++) {
        const size_t used = output->used;
        const uint64_t lines = writer->lines, ambiguous = writer->ambiguous;
        if (next_bad < keys->bad_count)
            next_bad = answers_bad_lines(answers, keys, next_bad, batch->next);
        status = exit_status_worse(status, write_answer(answers, keys, batch, batch->next));
        if (output->full) { /* take back the last line */
            output->used = used;
            writer->lines = lines;
            writer->ambiguous = ambiguous;
            return status;
        }
    }
    answers_bad_lines(answers, keys, next_bad, batch->count);
    return status;
}
