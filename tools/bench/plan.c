#include "bench/plan.h"

#include "base/exit_status.h"
#include "base/message.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Limits of the library. */
enum { THREADS_MAX = 1024, DEPTH_MAX = 4096 };

#define CALLERS_MAX     256
#define POINTS_MAX      10000
#define DRAWS_MIN       1024
#define DRAWS_MAX       (UINT64_C(1) << 28)
#define DRAWS_ENOUGH    16384 /* with these, drawing stops after DRAW_SECONDS */
#define REPEAT_MAX      1000
#define SECONDS_MIN     0.001
#define SECONDS_MAX     86400
#define DRAW_SECONDS    5
#define BACKEND_CHOICES "auto|pread|uring|mmap"
#define PROBE_CHOICES   "page|entry"

/* ---------------------------------------------------------------- lists */

/* Copies the first word of a comma-separated list. Returns the rest of the list; NULL: none. */
static const char *next_word(const char *list, char *word, size_t size)
{
    const size_t length = strcspn(list, ",");

    word[0] = '\0';
    if (length < size) {
        memcpy(word, list, length);
        word[length] = '\0';
    }
    return list[length] == ',' ? list + length + 1 : NULL;
}

static int bad_list(const struct command_syntax *syntax, const char *option, const char *argument,
                    const char *why)
{
    return usage_error(syntax->name, "--%s: %s, got %s", option, why,
                       excerpt_of(argument, strlen(argument)).text);
}

static int add_item(const struct command_syntax *syntax, const char *option, const char *argument,
                    struct bench_list *list, uint64_t item)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i] == item)
            return bad_list(syntax, option, argument, "expected each value once");
    if (list->count == BENCH_LIST_MAX)
        return bad_list(syntax, option, argument, "expected at most 24 values");
    list->items[list->count++] = item;
    return OPTIONS_CONTINUE;
}

/* The allowed items of a list. */
struct items {
    const char *choices; /* words; NULL: numbers from `min` to `max` */
    uint64_t min, max;
    bool sizes; /* numbers of bytes, at least `min` */
};

static int take_item(const struct command_syntax *syntax, const char *option, const char *word,
                     const struct items *items, uint64_t *ret_item)
{
    int choice = 0;

    if (items->sizes)
        return option_size(syntax, option, word, items->min, ret_item);
    if (items->choices == NULL)
        return option_number(syntax, option, word, items->min, items->max, ret_item);
    const int status = option_choice(syntax, option, word, items->choices, &choice);
    *ret_item = (uint64_t)choice;
    return status;
}

static int take_list(const struct command_syntax *syntax, const char *option, const char *argument,
                     struct items items, struct bench_list *list)
{
    int status = OPTIONS_CONTINUE;
    char word[64];

    list->count = 0;
    for (const char *rest = argument; rest != NULL && status == OPTIONS_CONTINUE;) {
        uint64_t item = 0;

        rest = next_word(rest, word, sizeof word);
        status = take_item(syntax, option, word, &items, &item);
        if (status == OPTIONS_CONTINUE)
            status = add_item(syntax, option, argument, list, item);
    }
    return status;
}

static int take_real(const struct command_syntax *syntax, const char *option, const char *word,
                     double min, double max, double *ret)
{
    char *end;
    const bool digits = strspn(word, "0123456789.") == strlen(word) && word[0] != '\0';
    const double number = strtod(word, &end);

    if (!digits || *end != '\0' || !(number >= min && number <= max))
        return usage_error(syntax->name, "--%s: expected a number from %g to %g, got %s", option,
                           min, max, excerpt_of(word, strlen(word)).text);
    *ret = number;
    return OPTIONS_CONTINUE;
}

static int take_shares(const struct command_syntax *syntax, const char *option,
                       const char *argument, struct bench_shares *list)
{
    char word[64];

    list->count = 0;
    for (const char *rest = argument; rest != NULL;) {
        double share = 0;

        rest = next_word(rest, word, sizeof word);
        int status = take_real(syntax, option, word, 0, 1, &share);
        if (status != OPTIONS_CONTINUE)
            return status;
        for (size_t i = 0; i < list->count; i++)
            if (fabs(list->items[i] - share) < 1e-9)
                return bad_list(syntax, option, argument, "expected each value once");
        if (list->count == BENCH_LIST_MAX)
            return bad_list(syntax, option, argument, "expected at most 24 values");
        list->items[list->count++] = share;
    }
    return OPTIONS_CONTINUE;
}

/* ---------------------------------------------------------------- options */

void bench_plan_init(struct bench_plan *plan)
{
    *plan = (struct bench_plan){.states = {{BENCH_DIRECT, BENCH_WARM}, 2},
                                .backends = {{IKV_BACKEND_AUTO}, 1},
                                .threads = {{0}, 1},
                                .depths = {{256}, 1},
                                .memories = {{UINT64_C(64) << 20}, 1},
                                .batches = {{1, 16, 256, 4096}, 4},
                                .callers = {{1}, 1},
                                .probes = {{IKV_PROBE_PAGE}, 1},
                                .distributions = {{DISTRIBUTION_UNIFORM}, 1},
                                .hit_ratios = {{1}, 1},
                                .theta = 0.99,
                                .run_length = 100,
                                .seed = 1,
                                .draws = UINT64_C(1) << 18,
                                .repeat = 5,
                                .seconds = 0.5};
}

static void take_state(struct bench_plan *plan, enum bench_state state)
{
    plan->states = (struct bench_list){{(uint64_t)state}, 1};
    plan->states_given = true;
}

int bench_plan_accept(struct bench_plan *plan, const struct command_syntax *syntax, int id,
                      const char *argument)
{
    switch (id) {
    case BENCH_OPTION_STATE:
        plan->states_given = true;
        return take_list(syntax, "state", argument, (struct items){.choices = BENCH_STATE_CHOICES},
                         &plan->states);
    case BENCH_OPTION_COLD:
        take_state(plan, BENCH_COLD);
        return OPTIONS_CONTINUE;
    case BENCH_OPTION_DIRECT:
        take_state(plan, BENCH_DIRECT);
        return OPTIONS_CONTINUE;
    case BENCH_OPTION_BACKEND:
        return take_list(syntax, "backend", argument, (struct items){.choices = BACKEND_CHOICES},
                         &plan->backends);
    case BENCH_OPTION_THREADS:
        return take_list(syntax, "threads", argument, (struct items){NULL, 1, THREADS_MAX, false},
                         &plan->threads);
    case OPTION_INDEX_MEMORY:
        return take_list(syntax, "index-memory", argument, (struct items){NULL, 1, 0, true},
                         &plan->memories);
    case BENCH_OPTION_DEPTH:
        return take_list(syntax, "depth", argument, (struct items){NULL, 1, DEPTH_MAX, false},
                         &plan->depths);
    case BENCH_OPTION_BATCH:
        return take_list(syntax, "batch", argument, (struct items){NULL, 1, BENCH_BATCH_MAX, false},
                         &plan->batches);
    case BENCH_OPTION_CALLERS:
        return take_list(syntax, "callers", argument, (struct items){NULL, 1, CALLERS_MAX, false},
                         &plan->callers);
    case BENCH_OPTION_PROBE:
        return take_list(syntax, "probe", argument, (struct items){.choices = PROBE_CHOICES},
                         &plan->probes);
    case BENCH_OPTION_KEYS:
        return take_list(syntax, "keys", argument, (struct items){.choices = DISTRIBUTION_CHOICES},
                         &plan->distributions);
    case BENCH_OPTION_HIT_RATIO:
        return take_shares(syntax, "hit-ratio", argument, &plan->hit_ratios);
    case BENCH_OPTION_THETA:
        return take_real(syntax, "theta", argument, 0.01, 10, &plan->theta);
    case BENCH_OPTION_RUN_LENGTH:
        return option_number(syntax, "run-length", argument, 1, BENCH_BATCH_MAX, &plan->run_length);
    case BENCH_OPTION_SEED:
        return option_number(syntax, "seed", argument, 0, UINT64_MAX, &plan->seed);
    case BENCH_OPTION_DRAWS:
        return option_number(syntax, "draws", argument, DRAWS_MIN, DRAWS_MAX, &plan->draws);
    case BENCH_OPTION_REPEAT:
        return option_number(syntax, "repeat", argument, 1, REPEAT_MAX, &plan->repeat);
    default:
        return take_real(syntax, "time", argument, SECONDS_MIN, SECONDS_MAX, &plan->seconds);
    }
}

int bench_plan_check(const struct bench_plan *plan, const struct command_syntax *syntax)
{
    if (bench_setup_count(plan) * bench_point_count(plan) > POINTS_MAX)
        return usage_error(syntax->name, "more than %d combinations of options", POINTS_MAX);
    return OPTIONS_CONTINUE;
}

/* ---------------------------------------------------------------- combinations */

bool bench_list_has(const struct bench_list *list, uint64_t item)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i] == item)
            return true;
    return false;
}

size_t bench_setup_count(const struct bench_plan *plan)
{
    return plan->states.count * plan->backends.count * plan->threads.count * plan->depths.count *
           plan->memories.count;
}

size_t bench_point_count(const struct bench_plan *plan)
{
    return plan->batches.count * plan->callers.count * plan->probes.count *
           bench_stream_count(plan);
}

size_t bench_stream_count(const struct bench_plan *plan)
{
    return plan->distributions.count * plan->hit_ratios.count;
}

/* Removes the lowest digit of a mixed-radix number; returns the list item that it selects. */
static uint64_t take_digit(const struct bench_list *list, size_t *number)
{
    const size_t digit = *number % list->count;

    *number /= list->count;
    return list->items[digit];
}

void bench_setup_at(const struct bench_plan *plan, size_t number, struct bench_setup *ret_setup)
{
    ret_setup->memory = take_digit(&plan->memories, &number);
    ret_setup->depth = (uint32_t)take_digit(&plan->depths, &number);
    ret_setup->threads = (uint32_t)take_digit(&plan->threads, &number);
    ret_setup->backend = (ikv_backend)take_digit(&plan->backends, &number);
    ret_setup->state = (enum bench_state)take_digit(&plan->states, &number);
}

void bench_point_at(const struct bench_plan *plan, size_t number, struct bench_point *ret_point)
{
    ret_point->batch = take_digit(&plan->batches, &number);
    ret_point->callers = (uint32_t)take_digit(&plan->callers, &number);
    ret_point->probe = (ikv_probe)take_digit(&plan->probes, &number);
    ret_point->stream = number;
    ret_point->distribution = (enum distribution)take_digit(&plan->distributions, &number);
    ret_point->present = plan->hit_ratios.items[number];
}

struct draws_options bench_stream_at(const struct bench_plan *plan, size_t number)
{
    struct draws_options options = {.theta = plan->theta,
                                    .run_length = plan->run_length,
                                    .seed = plan->seed + number,
                                    .count = plan->draws,
                                    .seconds = DRAW_SECONDS};
    uint64_t largest = 0;

    options.distribution = (enum distribution)take_digit(&plan->distributions, &number);
    options.present = plan->hit_ratios.items[number];
    for (size_t i = 0; i < plan->batches.count; i++)
        if (largest < plan->batches.items[i])
            largest = plan->batches.items[i];
    options.min_count = largest > DRAWS_ENOUGH ? largest : DRAWS_ENOUGH;
    if (options.count < options.min_count)
        options.min_count = options.count < largest ? largest : options.count;
    if (options.count < largest)
        options.count = largest;
    return options;
}

/* ---------------------------------------------------------------- names */

const char *bench_state_name(enum bench_state state)
{
    static const char *const names[] = {"warm", "cold", "direct"};
    return names[state];
}

const char *bench_backend_name(ikv_backend backend)
{
    static const char *const names[] = {"auto", "pread", "uring", "mmap"};
    return names[backend];
}

const char *bench_probe_name(ikv_probe probe)
{
    static const char *const names[] = {"page", "entry"};
    return names[probe];
}

const char *bench_distribution_name(enum distribution distribution)
{
    static const char *const names[] = {"uniform", "zipf", "sequential", "clustered"};
    return names[distribution];
}
