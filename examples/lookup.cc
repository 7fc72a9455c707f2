/* Write a store, open it, look up a batch: as lookup.c, in C++17. */
#include <indexkv.hpp>

#include <cstdint>
#include <iostream>
#include <vector>

static void write_store(const std::string &path)
{
    indexkv::writer writer(path, IKV_KEY_U64);
    writer.add(std::uint64_t{2003}, "Spirit"); /* any order */
    writer.add(std::uint64_t{1971}, "Mars 3");
    writer.add(std::uint64_t{2011}, "Curiosity");
    writer.add(std::uint64_t{1976}, "Viking 1");
    writer.finish(); /* the store is complete and synced */
}

static void look_up(const std::string &path)
{
    const indexkv::store store(path);
    const std::vector<std::uint64_t> keys = {1976, 2003, 2024};
    indexkv::result result;

    store.get_many(keys, result);
    for (std::size_t i = 0; i < keys.size(); i++) {
        if (result[i])
            std::cout << keys[i] << ' ' << result[i].bytes() << '\n';
        else
            std::cout << keys[i] << " is "
                      << (result[i].status == IKV_MISSING ? "missing" : "damaged") << '\n';
    }
}

int main(int argc, char **argv)
{
    const std::string path = argc > 1 ? argv[1] : "missions.ikv";
    try {
        write_store(path);
        look_up(path);
    } catch (const indexkv::error &error) {
        std::cerr << error.what() << '\n'; /* names file, offset and key */
        return 1;
    }
    return 0;
}
