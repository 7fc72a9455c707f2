/*
 * The C++ header: ownership, batches, errors, callbacks; and, compiled as C++20, coroutines.
 * Expected answers come from arithmetic.
 */
#include <indexkv.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>
#if __cplusplus >= 202002L
#include <coroutine>
#include <exception>
#endif

static std::string path;
static const std::uint64_t PAIRS = 5000;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                            \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (0)

template <typename Function> static int code_of(Function function)
{
    try {
        function();
    } catch (const indexkv::error &error) {
        EXPECT(error.details().code == error.code() && std::strlen(error.what()) > 0);
        return error.code();
    }
    return 0;
}

static std::string value_of(std::uint64_t key)
{
    return std::to_string(key * key);
}

/* Even keys. */
static void write_squares()
{
    indexkv::writer writer(path, IKV_KEY_U64);
    for (std::uint64_t i = 0; i < PAIRS; i++)
        writer.add(2 * ((i * 7919) % PAIRS), value_of(2 * ((i * 7919) % PAIRS)));
    EXPECT(writer.finish().pairs == PAIRS);
}

static void check_answers(const std::vector<std::uint64_t> &keys, const indexkv::result &result)
{
    EXPECT(result.size() == keys.size());
    std::size_t i = 0;
    for (const indexkv::item &item : result) {
        const bool present = keys[i] % 2 == 0 && keys[i] < 2 * PAIRS;
        EXPECT(static_cast<bool>(item) == present);
        EXPECT(item.bytes() == (present ? value_of(keys[i]) : ""));
        i++;
    }
}

static std::vector<std::uint64_t> some_keys(std::uint64_t seed)
{
    std::vector<std::uint64_t> keys;
    for (std::uint64_t i = 0; i < 2000; i++)
        keys.push_back((i * 104729 + seed) % (2 * PAIRS + 100));
    return keys;
}

static void test_lookups()
{
    const indexkv::store store(path);
    EXPECT(store.size() == PAIRS && store.info().key_type == IKV_KEY_U64);
    indexkv::result result;
    const auto keys = some_keys(1);
    store.get_many(keys, result);
    check_answers(keys, result);
    EXPECT(result.stats().keys == keys.size() && result.problem() == nullptr);

    const std::uint64_t two[] = {4, 5};
    store.get_many(two, result);
    EXPECT(result.size() == 2 && result[0].bytes() == "16" && !result[1]);
    store.get_many(std::array<std::uint64_t, 1>{{6}}, result);
    EXPECT(result[0].bytes() == "36");
    store.get_many(indexkv::view<std::uint64_t>(), result);
    EXPECT(result.size() == 0 && result.begin() == result.end());

    EXPECT(store.find(std::uint64_t{8}) == "64" && !store.find(std::uint64_t{9}));
    ikv_get_options floor = IKV_GET_OPTIONS_INIT;
    floor.match = IKV_FLOOR;
    EXPECT(store.find(std::uint64_t{9}, floor) == "64");
}

static void test_errors()
{
    EXPECT(code_of([] { indexkv::store store(path + ".none"); }) == -ENOENT);
    const indexkv::store store(path);
    indexkv::result result;
    bool refused = false;
    try {
        store.get_many(std::vector<std::uint32_t>{1}, result);
    } catch (const std::invalid_argument &) {
        refused = true;
    }
    EXPECT(refused);
    EXPECT(code_of([&] { result.wait(); }) == IKV_E_STATE);
    EXPECT(code_of([] {
               indexkv::writer writer(path + ".twice", IKV_KEY_U8);
               writer.add(std::uint8_t{1}, "a");
               writer.add(std::uint8_t{1}, "b");
               writer.finish();
           }) == IKV_E_DUPLICATE);
    {
        indexkv::writer writer(path + ".dropped", IKV_KEY_U8);
        writer.add(std::uint8_t{1}, "a");
    }
    EXPECT(!std::ifstream(path + ".twice") && !std::ifstream(path + ".dropped"));
}

static void test_scan()
{
    const indexkv::store store(path);
    std::uint64_t expected = 0;
    for (const indexkv::item &item : indexkv::scan(store)) {
        std::uint64_t key;
        std::memcpy(&key, item.key, sizeof key);
        EXPECT(key == expected && item.bytes() == value_of(key));
        expected += 2;
    }
    EXPECT(expected == 2 * PAIRS);
    ikv_scan_options options = IKV_SCAN_OPTIONS_INIT;
    const std::uint64_t from = 11, to = 20;
    options.from = &from;
    options.to = &to;
    indexkv::scan range(store, options);
    EXPECT(std::distance(range.begin(), range.end()) == 5);
}

static void test_ownership()
{
    indexkv::store first(path);
    indexkv::store second = std::move(first);
    indexkv::result result, other;
    second.find(std::uint64_t{2}, result);
    std::swap(result, other);
    EXPECT(other.size() == 1 && first.get() == nullptr);
    first = indexkv::store(path);
    EXPECT(first.find(std::uint64_t{4}) == "16");
}

static void test_submit()
{
    ikv_engine_options threads = IKV_ENGINE_OPTIONS_INIT;
    threads.threads = 2;
    const indexkv::engine engine(threads);
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    options.engine = engine.get();
    const indexkv::store store(path, options);

    indexkv::result waited;
    const auto keys = some_keys(2);
    store.submit(keys, waited);
    waited.wait();
    check_answers(keys, waited);

    enum { BATCHES = 8 };
    std::mutex mutex;
    std::condition_variable changed;
    int done = 0;
    std::vector<std::vector<std::uint64_t>> batches;
    std::vector<indexkv::result> results(BATCHES);
    for (int i = 0; i < BATCHES; i++)
        batches.push_back(some_keys(static_cast<std::uint64_t>(i)));
    for (std::size_t i = 0; i < BATCHES; i++)
        store.submit(batches[i], results[i], [&](int code) {
            const std::lock_guard<std::mutex> lock(mutex);
            done += code == 0;
            changed.notify_one();
        });
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return done == BATCHES; });
    for (std::size_t i = 0; i < BATCHES; i++)
        check_answers(batches[i], results[i]);
}

#if __cplusplus >= 202002L
/* A coroutine that nobody waits for: it reports its end itself. */
struct detached {
    struct promise_type {
        detached get_return_object()
        {
            return {};
        }
        std::suspend_never initial_suspend() noexcept
        {
            return {};
        }
        std::suspend_never final_suspend() noexcept
        {
            return {};
        }
        void return_void()
        {
        }
        void unhandled_exception()
        {
            std::terminate();
        }
    };
};

struct latch {
    std::mutex mutex;
    std::condition_variable changed;
    int left;
    explicit latch(int count) : left(count)
    {
    }
    void count_down()
    {
        const std::lock_guard<std::mutex> lock(mutex);
        if (--left == 0)
            changed.notify_one();
    }
    void wait()
    {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return left == 0; });
    }
};

static detached look_up_twice(const indexkv::store &store, std::uint64_t seed, latch &finished)
{
    {
        indexkv::result result;
        const auto keys = some_keys(seed);
        check_answers(keys, co_await store.async_get_many(keys, result));
        const auto more = some_keys(seed + 1);
        check_answers(more, co_await store.async_get_many(more, result));
    }
    finished.count_down();
}

static detached fail_to_submit(const indexkv::store &store, latch &finished)
{
    {
        indexkv::result result;
        ikv_get_options wrong = IKV_GET_OPTIONS_INIT;
        wrong.flags = 1u << 31;
        const auto keys = some_keys(3);
        int code = 0;
        try {
            co_await store.async_get_many(keys, result, &wrong);
        } catch (const indexkv::error &error) {
            code = error.code();
        }
        EXPECT(code == IKV_E_INVALID);
    }
    finished.count_down();
}

static void test_coroutines()
{
    const indexkv::store store(path);
    latch finished(11);
    for (std::uint64_t i = 0; i < 10; i++)
        look_up_twice(store, i, finished);
    fail_to_submit(store, finished);
    finished.wait();
}
#else
static void test_coroutines()
{
}
#endif

int main(int, char **argv)
{
    path = argv[1];
    write_squares();
    test_lookups();
    test_errors();
    test_scan();
    test_ownership();
    test_submit();
    test_coroutines();
    std::remove(path.c_str());
    return 0;
}
