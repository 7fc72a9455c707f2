#include "process.h"

#include "platform.h"
#include "tmpdir.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

/* 0 if the system has no such directory. */
static size_t count_entries(const char *path)
{
    DIR *directory = opendir(path);
    size_t count = 0;

    if (directory == NULL)
        return 0;
    while (readdir(directory) != NULL)
        count++;
    (void)closedir(directory);
    return count;
}

uint64_t process_peak_memory(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0)
        test_die("getrusage: %s", strerror(errno));
    return (uint64_t)usage.ru_maxrss * 1024;
}

size_t process_descriptors(void)
{
    return count_entries(TEST_DESCRIPTORS);
}

size_t process_threads(void)
{
    return count_entries("/proc/self/task");
}

size_t process_threads_down_to(size_t wanted)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    size_t count = process_threads();

    for (int i = 0; i < 5000 && count > wanted; i++) {
        (void)nanosleep(&moment, NULL);
        count = process_threads();
    }
    return count;
}

process_usage process_usage_now(void)
{
    return (process_usage){.descriptors = process_descriptors(), .threads = process_threads()};
}

void assert_process_usage_at(process_usage before, const char *file, int line)
{
    _assert_int_equal(process_threads_down_to(before.threads), before.threads, file, line);
    _assert_int_equal(process_descriptors(), before.descriptors, file, line);
}
