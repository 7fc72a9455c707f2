#include "harness/harness.h"

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <mutex>
#include <string>

namespace
{

// A registered benchmark. google-benchmark may call its function from several threads.
struct Entry {
    explicit Entry(const bench &b) : definition(b)
    {
    }

    bench definition;
    std::once_flag once;
    int code = BENCH_OK; // of set_up
    bench_error error = {};
    bool was_run = false;
    std::atomic<bool> was_failed{false};
    std::atomic<bool> was_skipped{false};
};

// A list, because google-benchmark keeps pointers to its entries.
std::list<Entry> entries;

void set_up_once(Entry &entry)
{
    std::call_once(entry.once, [&entry] {
        if (entry.definition.set_up)
            entry.code = entry.definition.set_up(entry.definition.user, &entry.error);
        entry.was_run = true;
    });
}

} // namespace

struct bench_state {
    benchmark::State &state;
    Entry &entry;
    uint64_t items;
};

namespace
{

void run(benchmark::State &gstate, Entry &entry)
{
    bench_state state = {gstate, entry, 0};

    set_up_once(entry);
    if (entry.code == BENCH_OK)
        entry.definition.run(&state);
    else
        bench_stop(&state, entry.code, &entry.error);
}

} // namespace

int bench_error_set(bench_error *error, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    std::vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return code;
}

void *bench_alloc(size_t size)
{
    void *memory = std::calloc(1, size);

    if (!memory) {
        std::fputs("out of memory\n", stderr);
        std::exit(EXIT_FAILURE);
    }
    return memory;
}

void bench_register(const bench *definition)
{
    Entry &entry = entries.emplace_back(*definition);
    benchmark::internal::Benchmark *registered = benchmark::RegisterBenchmark(
        definition->name, [&entry](benchmark::State &state) { run(state, entry); });
    std::vector<std::string> names;
    std::vector<int64_t> values;

    for (const bench_arg &arg : definition->args) {
        if (!arg.name)
            break;
        names.emplace_back(arg.name);
        values.push_back(arg.value);
    }
    if (!names.empty())
        registered->ArgNames(names)->Args(values);
    if (definition->flags & BENCH_MANUAL_TIME)
        registered->UseManualTime();
    else
        registered->UseRealTime();
    if (definition->threads > 1)
        registered->Threads(static_cast<int>(definition->threads));
    if (definition->iterations > 0)
        registered->Iterations(static_cast<benchmark::IterationCount>(definition->iterations));
    registered->Unit(benchmark::kMicrosecond);
}

bool bench_keep_running(bench_state *state)
{
    return state->state.KeepRunning();
}

void *bench_user(const bench_state *state)
{
    return state->entry.definition.user;
}

int64_t bench_range(const bench_state *state, unsigned i)
{
    return state->state.range(i);
}

unsigned bench_thread(const bench_state *state)
{
    return static_cast<unsigned>(state->state.thread_index());
}

unsigned bench_threads(const bench_state *state)
{
    return static_cast<unsigned>(state->state.threads());
}

void bench_pause(bench_state *state)
{
    state->state.PauseTiming();
}

void bench_resume(bench_state *state)
{
    state->state.ResumeTiming();
}

void bench_iteration_time(bench_state *state, double seconds)
{
    state->state.SetIterationTime(seconds);
}

void bench_items(bench_state *state, uint64_t items)
{
    state->items = items;
    state->state.SetItemsProcessed(static_cast<int64_t>(items));
}

void bench_bytes(bench_state *state, uint64_t bytes)
{
    state->state.SetBytesProcessed(static_cast<int64_t>(bytes));
}

void bench_counter(bench_state *state, const char *name, double value, bench_counter_kind kind)
{
    using benchmark::Counter;
    Counter &counter = state->state.counters[name];

    switch (kind) {
    case BENCH_VALUE:
        counter = Counter(value);
        break;
    case BENCH_RATE:
        counter = Counter(value, Counter::kIsRate);
        break;
    case BENCH_PER_ITEM:
        counter = Counter(state->items ? value / static_cast<double>(state->items) : 0);
        break;
    case BENCH_PER_ITERATION:
        counter = Counter(value, Counter::kAvgIterations);
        break;
    }
}

void bench_label(bench_state *state, const char *text)
{
    state->state.SetLabel(text);
}

void bench_stop(bench_state *state, int code, const bench_error *error)
{
    const std::string text =
        (code == BENCH_SKIPPED ? "skipped: " : "failed: ") + std::string(error->text);

    (code == BENCH_SKIPPED ? state->entry.was_skipped : state->entry.was_failed) = true;
    state->state.SkipWithError(text.c_str());
}

void bench_init(int *argc, char **argv, void (*help)(void))
{
    benchmark::Initialize(argc, argv, help);
}

void bench_help(void)
{
    benchmark::PrintDefaultHelp();
}

void bench_context(const char *name, const char *value)
{
    benchmark::AddCustomContext(name, value);
}

void bench_run(bench_summary *ret_summary)
{
    *ret_summary = {};
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    for (const Entry &entry : entries) {
        if (entry.definition.tear_down)
            entry.definition.tear_down(entry.definition.user);
        ret_summary->run += entry.was_run;
        ret_summary->failed += entry.was_failed;
        ret_summary->skipped += entry.was_skipped;
    }
    entries.clear();
}
