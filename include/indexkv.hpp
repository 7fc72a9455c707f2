/*
 * indexkv for C++17, a thin layer over indexkv.h in one header: objects that close themselves,
 * batches as views of the caller's arrays, errors as exceptions, and completions for callbacks and
 * coroutines. Everything else (options, statistics, limits, threads) is as indexkv.h describes it.
 *
 * Functions throw indexkv::error on the thread that called them. Nothing is thrown on the engine's
 * threads: callbacks must not throw (std::terminate is called if they do).
 *
 * Keys are objects of any trivially copyable type of the store's key width: std::uint64_t,
 * std::array<char, 20>, ...
 */
#ifndef INDEXKV_HPP
#define INDEXKV_HPP

#include <indexkv.h>

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace indexkv
{

/* What went wrong; details() has file, offset and key. */
class error : public std::runtime_error
{
  public:
    explicit error(const ikv_error &details)
        : std::runtime_error(details.message), details_(std::make_shared<ikv_error>(details))
    {
    }
    explicit error(int code) : error(describe(code))
    {
    }
    int code() const noexcept
    {
        return details_->code;
    }
    const ikv_error &details() const noexcept
    {
        return *details_;
    }

  private:
    static ikv_error describe(int code)
    {
        ikv_error details = ikv_error();
        details.code = code;
        details.offset = IKV_NO_OFFSET;
        std::string_view(ikv_strerror(code)).copy(details.message, sizeof details.message - 1);
        return details;
    }
    std::shared_ptr<const ikv_error> details_; /* shared: copying an exception must not throw */
};

namespace detail
{

/* Throw unless the call succeeded. */
inline void check(int code, const ikv_error &err)
{
    if (code < 0 && err.code == code)
        throw error(err);
    if (code < 0)
        throw error(code);
}

template <typename Type, void (*Close)(Type *)> struct closer {
    void operator()(Type *object) const noexcept
    {
        Close(object);
    }
};
template <typename Type, void (*Close)(Type *)>
using handle = std::unique_ptr<Type, closer<Type, Close>>;

} // namespace detail

/* A view of consecutive objects, as std::span of C++20: made from pointer and size, an array, or
 * any container with data() and size(). */
template <typename Type> class view
{
  public:
    constexpr view() noexcept = default;
    constexpr view(const Type *data, std::size_t size) noexcept : data_(data), size_(size)
    {
    }
    template <std::size_t Size>
    constexpr view(const Type (&array)[Size]) noexcept : data_(array), size_(Size)
    {
    }
    template <typename Container,
              typename = std::enable_if_t<std::is_convertible_v<
                  decltype(std::data(std::declval<const Container &>())), const Type *>>>
    constexpr view(const Container &container) noexcept
        : data_(std::data(container)), size_(std::size(container))
    {
    }
    constexpr const Type *data() const noexcept
    {
        return data_;
    }
    constexpr std::size_t size() const noexcept
    {
        return size_;
    }
    constexpr const Type *begin() const noexcept
    {
        return data_;
    }
    constexpr const Type *end() const noexcept
    {
        return data_ + size_;
    }
    constexpr const Type &operator[](std::size_t index) const noexcept
    {
        return data_[index];
    }

  private:
    const Type *data_ = nullptr;
    std::size_t size_ = 0;
};
template <typename Container>
view(const Container &) -> view<std::remove_cv_t<
    std::remove_pointer_t<decltype(std::data(std::declval<const Container &>()))>>>;

/* One answer. Its pointers are valid as long as those of ikv_item. */
struct item : ikv_item {
    explicit operator bool() const noexcept
    {
        return status == IKV_FOUND;
    }
    /* The bytes of the value; empty if there is none. */
    std::string_view bytes() const noexcept
    {
        return ikv_item::value == nullptr
                   ? std::string_view()
                   : std::string_view(static_cast<const char *>(ikv_item::value), size);
    }
};
static_assert(sizeof(item) == sizeof(ikv_item), "an array of ikv_item is one of item");

/* The answers of one call. Use it again: then a similar call allocates nothing. */
class result
{
  public:
    result()
    {
        ikv_result *created = nullptr;
        detail::check(ikv_result_new(&created), ikv_error());
        handle_.reset(created);
    }
    std::size_t size() const noexcept
    {
        return ikv_result_count(get());
    }
    const item &operator[](std::size_t index) const noexcept
    {
        return begin()[index];
    }
    const item *begin() const noexcept
    {
        return static_cast<const item *>(ikv_result_items(get()));
    }
    const item *end() const noexcept
    {
        return begin() + size();
    }
    const ikv_stats &stats() const noexcept
    {
        return *ikv_result_stats(get());
    }
    /* The first damage or read error of the last call; nullptr: none. */
    const ikv_error *problem() const noexcept
    {
        return ikv_result_problem(get());
    }
    /* Wait for a batch that was submitted without a callback. Throws as get_many does. */
    void wait()
    {
        ikv_error err = ikv_error();
        detail::check(ikv_wait(get(), &err), err);
    }
    void cancel() noexcept
    {
        ikv_cancel(get());
    }
    ikv_result *get() const noexcept
    {
        return handle_.get();
    }

  private:
    detail::handle<ikv_result, ikv_result_free> handle_;
};

/* Threads that execute lookups, for any number of stores, which must be closed before. */
class engine
{
  public:
    explicit engine(const ikv_engine_options &options = IKV_ENGINE_OPTIONS_INIT)
    {
        ikv_engine *created = nullptr;
        ikv_error err = ikv_error();
        detail::check(ikv_engine_new(&options, &created, &err), err);
        handle_.reset(created);
    }
    ikv_engine *get() const noexcept
    {
        return handle_.get();
    }

  private:
    detail::handle<ikv_engine, ikv_engine_close> handle_;
};

class store;

/* What store::async_get_many returns: co_await it. The coroutine goes on in a thread of the engine,
 * which waits for it, so it should soon pass the result on; exceptions that leave it there are the
 * coroutine type's to catch. */
class batch_awaiter
{
  public:
    batch_awaiter(ikv_store *store, const void *keys, std::size_t count,
                  const ikv_get_options *options, result &into) noexcept
        : store_(store), keys_(keys), count_(count), options_(options), result_(into)
    {
    }
    bool await_ready() const noexcept
    {
        return false;
    }
    template <typename Handle> bool await_suspend(Handle coroutine) noexcept
    {
        ikv_submit_options submit = IKV_SUBMIT_OPTIONS_INIT;
        address_ = coroutine.address();
        submit.user = this;
        submit.on_done = [](void *user, ikv_result *, int code) {
            auto *self = static_cast<batch_awaiter *>(user);
            self->code_ = code;
            resume<Handle>(self->address_);
        };
        /* From here on the coroutine may be running, and this object gone. */
        ikv_error err = ikv_error();
        int code = ikv_submit(store_, keys_, count_, options_, &submit, result_.get(), &err);
        if (code < 0) {
            code_ = code;
            err_ = err;
        }
        return code == 0;
    }
    /* Throws as get_many does. */
    result &await_resume() const
    {
        const ikv_error *problem = result_.problem();
        if (code_ < 0 && problem != nullptr && problem->code == code_)
            throw error(*problem);
        detail::check(code_, err_);
        return result_;
    }

  private:
    template <typename Handle> static void resume(void *address) noexcept
    {
        Handle::from_address(address).resume();
    }
    ikv_store *store_;
    const void *keys_;
    std::size_t count_;
    const ikv_get_options *options_;
    result &result_;
    void *address_ = nullptr;
    int code_ = 0;
    ikv_error err_ = ikv_error();
};

/* An open store. Any number of threads may use it. */
class store
{
  public:
    explicit store(const std::string &path, const ikv_open_options &options = IKV_OPEN_OPTIONS_INIT)
    {
        ikv_store *opened = nullptr;
        ikv_error err = ikv_error();
        detail::check(ikv_open(path.c_str(), &options, &opened, &err), err);
        handle_.reset(opened);
        width_ = info().key_width;
    }
    ikv_info info() const noexcept
    {
        ikv_info info;
        ikv_store_info(get(), &info);
        return info;
    }
    std::uint64_t size() const noexcept
    {
        return info().pair_count;
    }

    /* One value, or nothing. With options.match the value of the nearest key. */
    template <typename Key>
    std::optional<std::string> find(const Key &key,
                                    const ikv_get_options &options = IKV_GET_OPTIONS_INIT) const
    {
        result one;
        if (!find(key, one, options))
            return std::nullopt;
        return std::string(one[0].bytes());
    }
    /* The same without a copy: the answer is item 0 of the result. */
    template <typename Key>
    bool find(const Key &key, result &into,
              const ikv_get_options &options = IKV_GET_OPTIONS_INIT) const
    {
        check_key<Key>();
        ikv_error err = ikv_error();
        const int code = ikv_get(get(), &key, &options, into.get(), &err);
        if (code == IKV_E_NOT_FOUND)
            return false;
        detail::check(code, err);
        return true;
    }

    /* Many keys: item i of the result answers key i. Throws if a read failed; then the other items
     * are valid nevertheless. The keys must stay valid while the result is in use. */
    template <typename Keys>
    void get_many(const Keys &keys, result &into,
                  const ikv_get_options &options = IKV_GET_OPTIONS_INIT) const
    {
        const view all(keys);
        check_key<std::decay_t<decltype(all[0])>>();
        ikv_error err = ikv_error();
        detail::check(ikv_get_many(get(), all.data(), all.size(), &options, into.get(), &err), err);
    }

    /* Start a batch; result::wait ends it. Keys, options (may be null) and result must stay valid
     * until then. */
    template <typename Keys>
    void submit(const Keys &keys, result &into, const ikv_get_options *options = nullptr) const
    {
        const view all(keys);
        check_key<std::decay_t<decltype(all[0])>>();
        ikv_error err = ikv_error();
        detail::check(ikv_submit(get(), all.data(), all.size(), options, nullptr, into.get(), &err),
                      err);
    }
    /* Start a batch that ends with on_done(code), called in a thread of the engine. */
    template <typename Keys, typename Done>
    std::enable_if_t<std::is_invocable_v<Done, int>> submit(
        const Keys &keys, result &into, Done on_done,
        const ikv_get_options *options = nullptr) const
    {
        const view all(keys);
        check_key<std::decay_t<decltype(all[0])>>();
        auto callback = std::make_unique<Done>(std::move(on_done));
        ikv_submit_options how = IKV_SUBMIT_OPTIONS_INIT;
        how.user = callback.get();
        how.on_done = [](void *user, ikv_result *, int code) {
            call(std::unique_ptr<Done>(static_cast<Done *>(user)), code);
        };
        ikv_error err = ikv_error();
        detail::check(ikv_submit(get(), all.data(), all.size(), options, &how, into.get(), &err),
                      err);
        (void)callback.release(); /* the call owns it now */
    }
    /* co_await store.async_get_many(keys, result) */
    template <typename Keys>
    batch_awaiter async_get_many(const Keys &keys, result &into,
                                 const ikv_get_options *options = nullptr) const
    {
        const view all(keys);
        check_key<std::decay_t<decltype(all[0])>>();
        return batch_awaiter(get(), all.data(), all.size(), options, into);
    }

    ikv_store *get() const noexcept
    {
        return handle_.get();
    }

  private:
    template <typename Key> void check_key() const
    {
        static_assert(std::is_trivially_copyable_v<Key>, "a key is plain bytes");
        if (sizeof(Key) != width_)
            throw std::invalid_argument("a key of " + std::to_string(sizeof(Key)) +
                                        " bytes; those of the store have " +
                                        std::to_string(width_));
    }
    template <typename Done> static void call(std::unique_ptr<Done> done, int code) noexcept
    {
        (*done)(code);
    }
    detail::handle<ikv_store, ikv_close> handle_;
    std::size_t width_ = 0;
};

/* A scan: for (const item &pair : scan(store)) ... An item is valid until the next one. A damaged
 * record is an item without value; a damaged index page throws. */
class scan
{
  public:
    explicit scan(const store &of, const ikv_scan_options &options = IKV_SCAN_OPTIONS_INIT)
    {
        ikv_scan *opened = nullptr;
        ikv_error err = ikv_error();
        detail::check(ikv_scan_open(of.get(), &options, &opened, &err), err);
        handle_.reset(opened);
    }
    /* False after the last item. */
    bool next(item &into)
    {
        ikv_error err = ikv_error();
        const int code = ikv_scan_next(handle_.get(), &into, &err);
        if (code != IKV_E_END)
            detail::check(code, err);
        return code == 0;
    }

    class iterator
    {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = item;
        using difference_type = std::ptrdiff_t;
        using pointer = const item *;
        using reference = const item &;
        iterator() noexcept = default;
        explicit iterator(scan &of) : scan_(&of)
        {
            ++*this;
        }
        reference operator*() const noexcept
        {
            return item_;
        }
        pointer operator->() const noexcept
        {
            return &item_;
        }
        iterator &operator++()
        {
            if (!scan_->next(item_))
                scan_ = nullptr;
            return *this;
        }
        void operator++(int)
        {
            ++*this;
        }
        bool operator==(const iterator &other) const noexcept
        {
            return scan_ == other.scan_;
        }
        bool operator!=(const iterator &other) const noexcept
        {
            return scan_ != other.scan_;
        }

      private:
        scan *scan_ = nullptr;
        item item_ = item();
    };
    iterator begin()
    {
        return iterator(*this);
    }
    iterator end() noexcept
    {
        return iterator();
    }

  private:
    detail::handle<ikv_scan, ikv_scan_close> handle_;
};

/* Writes a store. Without finish(), what was written is dropped. */
class writer
{
  public:
    writer(const std::string &path, const ikv_writer_options &options)
        : width_(ikv_key_width(options.key_type))
    {
        ikv_writer *created = nullptr;
        ikv_error err = ikv_error();
        detail::check(ikv_writer_new(path.c_str(), &options, &created, &err), err);
        handle_.reset(created);
    }
    writer(const std::string &path, ikv_key_type key_type) : writer(path, defaults(key_type))
    {
    }
    template <typename Key> void add(const Key &key, std::string_view value)
    {
        static_assert(std::is_trivially_copyable_v<Key>, "a key is plain bytes");
        if (sizeof(Key) != width_)
            throw std::invalid_argument("the size of a key is not that of the key type");
        ikv_error err = ikv_error();
        detail::check(ikv_writer_add(handle_.get(), &key, value.data(), value.size(), &err), err);
    }
    /* Publish the store, durably. */
    ikv_build_stats finish()
    {
        ikv_build_stats stats;
        ikv_error err = ikv_error();
        detail::check(ikv_writer_finish(handle_.release(), &stats, &err), err);
        return stats;
    }

  private:
    static ikv_writer_options defaults(ikv_key_type key_type) noexcept
    {
        ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
        options.key_type = key_type;
        return options;
    }
    detail::handle<ikv_writer, ikv_writer_abort> handle_;
    std::size_t width_;
};

} // namespace indexkv

#endif
