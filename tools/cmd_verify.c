/* indexkv verify: read a whole store and report all corruption. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "base/signals.h"
#include "command.h"
#include "options/store_options.h"
#include "table/table.h"
#include "text/json.h"
#include "text/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_JSON = OPTION_OWN, OPTION_MAX_PROBLEMS };

enum { MEMORY_MIN = 8 << 20 };

static const struct option_spec specs[] = {
    {OPTION_JSON, 'j', "json", NULL, "write a JSON object that includes the problems"},
    {OPTION_MAX_PROBLEMS, 0, "max-problems", "N", "stop after N problems (default: 1000)"},
    OPTION_SPECS_STORE,
    {OPTION_MEMORY, 'm', "memory", "SIZE",
     "maximum memory for sorting and buffers, at least 8M\n"
     "(default: 256M)"},
    {OPTION_TEMP_DIR, 0, "temp-dir", "DIR",
     "directory for temporary files (default: the\n"
     "directory of STORE)"},
    OPTION_SPECS_PROGRESS,
    OPTION_SPECS_URL,
    OPTION_SPEC_HELP,
    {0}};

static const struct command_syntax syntax = {
    "verify", "STORE [OPTION...]",
    "Read a whole store and check every byte of it. Plain stores have no checksums:\n"
    "only their structure is checked.",
    specs,
    "Exit status: 0 no problems found, 2 usage, 3 not a store or wrong key type,\n"
    "4 corrupt, 5 I/O error."};

struct verify_options {
    struct store_options store;
    ikv_verify_options verify;
    bool json;
};

/* User data of the library's callbacks. */
struct verify_job {
    const struct verify_options *options;
    const char *path;
    struct output output;
    struct progress progress;
    uint64_t problems; /* reported so far */
    bool checked;      /* every store could be opened */
};

static int accept_option(void *user, int id, const char *argument)
{
    struct verify_options *options = user;
    switch (id) {
    case OPTION_JSON:
        options->json = true;
        return OPTIONS_CONTINUE;
    case OPTION_MAX_PROBLEMS:
        return option_number(&syntax, "max-problems", argument, 1, UINT64_MAX,
                             &options->verify.max_problems);
    case OPTION_MEMORY:
        return option_size(&syntax, "memory", argument, MEMORY_MIN, &options->verify.memory);
    case OPTION_TEMP_DIR:
        options->verify.temp_dir = argument;
        return OPTIONS_CONTINUE;
    default:
        return store_options_accept(&options->store, id, argument);
    }
}

/* {"code":...,"error":...,"offset":...,"key":...,"message":...} */
static void write_problem(struct output *output, const ikv_error *problem)
{
    output_format(output, "{\"code\":%d,", problem->code);
    json_text_member(output, "error", ikv_strerror(problem->code));
    if (problem->offset != IKV_NO_OFFSET)
        output_format(output, ",\"offset\":%" PRIu64, problem->offset);
    if (ikv_key_width(problem->key_type) > 0) {
        output_text(output, ",");
        json_key_member(output, "key", problem->key_type, IKV_SYNTAX_AUTO, problem->key);
    }
    output_text(output, ",");
    json_text_member(output, "message", problem->message);
    output_text(output, "}");
}

static void report_problem(void *user, const ikv_error *problem)
{
    struct verify_job *job = user;
    job->problems++;
    if (!job->options->json) {
        library_error(problem);
        return;
    }
    output_text(&job->output, job->problems == 1 ? "\n  " : ",\n  ");
    write_problem(&job->output, problem);
}

static int show_progress(void *user, const ikv_progress *point)
{
    struct verify_job *job = user;
    return progress_from_library(&job->progress, point);
}

static bool is_clustered(const ikv_verify_report *report)
{
    return report->layout == IKV_LAYOUT_CLUSTERED;
}

static void write_summary(struct output *output, const char *path, const ikv_verify_report *report)
{
    output_untrusted(output, path, strlen(path), false);
    if (report->problems == 0)
        output_text(output, report->has_trailer
                                ? ": sound"
                                : ": sound (structure only: a plain store has no checksums)");
    else
        output_format(output, ": corrupt, %" PRIu64 " %s", report->problems,
                      report->problems == 1 ? "problem" : "problems");
    output_format(output,
                  "; checked %" PRIu64 " records, %" PRIu64 " %s, %" PRIu64 " sections, %" PRIu64
                  " bytes\n",
                  report->records, report->pages, is_clustered(report) ? "leaves" : "index pages",
                  report->sections, report->bytes);
}

static void write_json_end(struct output *output, const ikv_verify_report *report, bool checked)
{
    output_format(output, "],\n \"checked\":%s,\n \"sound\":%s", checked ? "true" : "false",
                  checked && report->problems == 0 ? "true" : "false");
    if (checked)
        output_format(output,
                      ",\n \"problem_count\":%" PRIu64 ",\n \"has_trailer\":%s,\n"
                      " \"records\":%" PRIu64 ",\n \"%s\":%" PRIu64 ",\n \"sections\":%" PRIu64
                      ",\n \"bytes\":%" PRIu64,
                      report->problems, report->has_trailer ? "true" : "false", report->records,
                      is_clustered(report) ? "leaves" : "pages", report->pages, report->sections,
                      report->bytes);
    output_text(output, "}\n");
}

/* A problem that ikv_verify did not report. */
static int report_error(struct verify_job *job, const ikv_error *error)
{
    if (job->options->json) {
        output_text(&job->output, job->problems++ == 0 ? "\n  " : ",\n  ");
        write_problem(&job->output, error);
    }
    return store_open_error(error);
}

/* Verify a store, and add what was checked to the total. Returns the exit status. */
static int verify_store(struct verify_job *job, const char *path, ikv_verify_report *total)
{
    ikv_verify_options options = job->options->verify;
    options.on_problem = report_problem;
    options.on_progress = show_progress;
    options.user = job;
    ikv_verify_report report = {0};
    ikv_error error;
    const int code = ikv_verify(path, &job->options->store.open, &options, &report, &error);
    progress_finish(&job->progress);
    if (code == IKV_E_CANCELED)
        return STATUS_INTERRUPTED;
    const bool checked = code == 0 || report.problems > 0;
    job->checked &= checked;
    if (!checked)
        return report_error(job, &error);
    total->problems += report.problems;
    total->records += report.records;
    total->pages += report.pages;
    total->sections += report.sections;
    total->bytes += report.bytes;
    total->has_trailer = report.has_trailer;
    total->layout = report.layout;
    if (!job->options->json)
        write_summary(&job->output, path, &report);
    return exit_status_of(code);
}

/* ---------------------------------------------------------------- sharded tables */

/* Whether the store is the one that the manifest lists, with the keys that it says. */
static int check_identity(const struct verify_job *job, const struct ikv_manifest *manifest,
                          size_t shard, const char *path, ikv_error *error)
{
    const struct ikv_shard *listed = &manifest->shards[shard];
    const size_t width = ikv_key_width(manifest->key_type);
    struct ikv_shard_facts facts;
    ikv_store *store;
    int code = ikv_open(path, &job->options->store.open, &store, error);
    if (code < 0)
        return code;
    code = ikv_shard_check(manifest, shard, path, store, error);
    if (code == 0)
        code = ikv_shard_facts_of(store, &facts, error);
    ikv_close(store);
    if (code == 0 && (memcmp(facts.first, listed->first, width) != 0 ||
                      memcmp(facts.last, listed->last, width) != 0))
        code = ikv_shards_fail(error, IKV_E_CHANGED, path,
                               "shard %zu of %s: its keys are not those in the manifest", shard,
                               manifest->dir);
    return code;
}

/* Every place of a shard has a whole copy. */
static int verify_shard(struct verify_job *job, const struct ikv_manifest *manifest, size_t shard,
                        ikv_verify_report *total)
{
    int status = STATUS_DONE;
    for (size_t place = 0; place < manifest->shards[shard].path_count; place++) {
        ikv_error error;
        char *path = ikv_shard_path(manifest, shard, place);
        if (path == NULL)
            return out_of_memory();
        int one = STATUS_DONE;
        if (check_identity(job, manifest, shard, path, &error) == IKV_E_CHANGED) {
            job->checked = false;
            one = report_error(job, &error);
        }
        if (one != STATUS_INTERRUPTED)
            one = exit_status_worse(one, verify_store(job, path, total));
        free(path);
        status = exit_status_worse(status, one);
        if (one == STATUS_INTERRUPTED)
            break;
    }
    return status;
}

static int verify_table(struct verify_job *job, ikv_verify_report *total)
{
    struct ikv_manifest *manifest;
    ikv_error error;
    if (ikv_manifest_read(job->path, &manifest, &error) < 0) {
        job->checked = false;
        return report_error(job, &error);
    }
    int status = STATUS_DONE;
    total->has_trailer = 1;
    total->layout = manifest->layout;
    for (size_t i = 0; i < manifest->shard_count && status != STATUS_INTERRUPTED; i++)
        status = exit_status_worse(status, verify_shard(job, manifest, i, total));
    if (status != STATUS_INTERRUPTED && !job->options->json) {
        output_untrusted(&job->output, job->path, strlen(job->path), false);
        output_format(&job->output, ": %s, %zu shards\n",
                      status == STATUS_DONE ? "sound" : "not sound", manifest->shard_count);
    }
    ikv_manifest_free(manifest);
    return status;
}

/* ---------------------------------------------------------------- both */

static int verify(struct verify_job *job)
{
    struct output *output = &job->output;
    const bool json = job->options->json;
    ikv_verify_report report = {0};
    if (json) {
        output_text(output, "{");
        json_text_member(output, "path", job->path);
        output_text(output, ",\n \"problems\":[");
    }
    job->checked = true;
    const int status = table_is_directory(job->path) ? verify_table(job, &report)
                                                     : verify_store(job, job->path, &report);
    if (json && status != STATUS_INTERRUPTED)
        write_json_end(output, &report, job->checked);
    return status;
}

int cmd_verify(int argc, char **argv)
{
    struct verify_options options = {.verify = IKV_VERIFY_OPTIONS_INIT};
    store_options_init(&options.store, &syntax);
    struct operands operands;
    struct verify_job job = {.options = &options};
    int status = options_parse(&syntax, argc, argv, accept_option, &options, &operands);
    if (status == OPTIONS_CONTINUE)
        status = single_operand(&syntax, &operands, &job.path);
    if (status != OPTIONS_CONTINUE)
        return status;
    signals_catch();
    status = output_open(&job.output);
    if (status != STATUS_DONE)
        return status;
    progress_start(&job.progress, (enum progress_mode)options.store.progress, options.store.quiet,
                   false);
    status = verify(&job);
    if (status == STATUS_INTERRUPTED)
        return status;
    return exit_status_worse(status, output_close(&job.output));
}
