#include "disk/context.h"

#include "base/platform.h"

#include <indexkv.h>

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX 256

struct finder {
    context_fn add;
    void *user;
};

static void add(const struct finder *finder, const char *name, const char *text)
{
    finder->add(finder->user, name, text);
}

/* ---------------------------------------------------------------- processor, memory, kernel */

/* The value of the first line "NAME : value" of a file. */
static bool find_value(const char *path, const char *name, char *value)
{
    FILE *file = fopen(path, "re");
    char line[1024];
    bool found = false;

    while (file && !found && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (!colon || strncmp(line, name, strlen(name)) != 0)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        (void)snprintf(value, TEXT_MAX, "%.*s", (int)strcspn(colon, "\n"), colon);
        found = true;
    }
    if (file)
        (void)fclose(file);
    return found;
}

static void add_processor(const struct finder *finder)
{
    char text[TEXT_MAX];
    const int usable = platform_usable_cores();
    const long online = sysconf(_SC_NPROCESSORS_ONLN);

    if (find_value("/proc/cpuinfo", "model name", text) || platform_processor(text, sizeof text))
        add(finder, "cpu", text);
    /* cppcheck-suppress knownConditionTrueFalse ; on systems that do not report them */
    if (usable > 0) {
        (void)snprintf(text, sizeof text, "%d usable, %ld online", usable, online);
        add(finder, "cores", text);
    } else if (online > 0) {
        (void)snprintf(text, sizeof text, "%ld online", online);
        add(finder, "cores", text);
    }
    if (!find_value("/proc/meminfo", "MemTotal", text))
        (void)snprintf(text, sizeof text, "%" PRIu64 " kB", platform_memory() / 1024);
    add(finder, "memory", text);
}

static void add_kernel(const struct finder *finder)
{
    char text[sizeof(struct utsname)];
    struct utsname name;

    if (uname(&name) == 0) {
        (void)snprintf(text, sizeof text, "%s %s %s", name.sysname, name.release, name.machine);
        add(finder, "kernel", text);
    }
}

/* ---------------------------------------------------------------- file system, device */

/* The third field of a line of /proc/self/mountinfo, MAJOR:MINOR. */
static dev_t mounted_device(const char *line)
{
    char *end = NULL;

    (void)strtoul(line, &end, 10); /* mount ID, then the parent's */
    (void)strtoul(end, &end, 10);
    const unsigned long number = strtoul(end, &end, 10);
    return platform_device((unsigned)number, (unsigned)strtoul(*end ? end + 1 : end, NULL, 10));
}

/* Type and source of the file system on `device`: the fields after " - " in its line of
 * /proc/self/mountinfo. */
static void add_file_system(const struct finder *finder, dev_t device)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char line[4096];
    char text[2 * TEXT_MAX + 8];
    bool found = false;

    while (file && !found && fgets(line, sizeof line, file)) {
        const char *rest = strstr(line, " - ");
        char type[TEXT_MAX];
        char source[TEXT_MAX];
        if (!rest || mounted_device(line) != device ||
            sscanf(rest, " - %255s %255s", type, source) != 2)
            continue;
        (void)snprintf(text, sizeof text, "%s on %s", type, source);
        add(finder, "file_system", text);
        found = true;
    }
    if (file)
        (void)fclose(file);
}

/* The first line of a file in a sysfs directory; false if there is none. */
static bool read_attribute(const char *directory, const char *name, char *value)
{
    char path[PATH_MAX + TEXT_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    const bool found = fgets(value, TEXT_MAX, file) != NULL;
    (void)fclose(file);
    size_t length = found ? strlen(value) : 0;
    while (length > 0 && strchr(" \n", value[length - 1]))
        length--;
    value[length] = '\0';
    return length > 0;
}

static void add_device(const struct finder *finder, dev_t device)
{
    static const struct {
        const char *path;
        const char *name;
    } attributes[] = {
        {"queue/scheduler", "device_scheduler"},
        {"queue/rotational", "device_rotational"},
        {"queue/read_ahead_kb", "device_read_ahead_kb"},
        {"queue/nr_requests", "device_requests"},
        {"queue/logical_block_size", "device_block_size"},
        {"device/model", "device_model"},
    };
    unsigned numbers[2];
    char link[64];
    char directory[PATH_MAX];
    char value[TEXT_MAX];

    platform_device_numbers(device, &numbers[0], &numbers[1]);
    (void)snprintf(link, sizeof link, "/sys/dev/block/%u:%u", numbers[0], numbers[1]);
    if (!realpath(link, directory))
        return; /* not on a block device: tmpfs, a network file system, ... */
    char *name = strrchr(directory, '/');
    add(finder, "device", name + 1);
    if (read_attribute(directory, "partition", value))
        *name = '\0'; /* the queue's attributes are in the disk's directory */
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        if (read_attribute(directory, attributes[i].path, value))
            add(finder, attributes[i].name, value);
    }
}

/* The device number of a block device; otherwise of the device that the file, or its nearest
 * existing parent directory, is on. */
static int find_device(const char *name, dev_t *ret_device, bool *ret_itself)
{
    char path[PATH_MAX];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s", name);
    while (stat(path, &st) != 0) {
        char *slash = strrchr(path, '/');
        if (slash && slash != path)
            *slash = '\0';
        else if (strcmp(path, ".") != 0)
            (void)snprintf(path, sizeof path, "%s", slash ? "/" : ".");
        else
            return -1;
    }
    *ret_itself = S_ISBLK(st.st_mode);
    *ret_device = *ret_itself ? st.st_rdev : st.st_dev;
    return 0;
}

/* Whether mappings and anonymous memory may use transparent huge pages. */
static void add_huge_pages(const struct finder *finder)
{
    char value[TEXT_MAX];

    if (read_attribute("/sys/kernel/mm/transparent_hugepage", "enabled", value))
        add(finder, "huge_pages", value);
}

void context_find(const char *path, context_fn add_fact, void *user)
{
    const struct finder finder = {add_fact, user};
    dev_t device;
    bool itself;

    add(&finder, "indexkv", ikv_version());
    add_kernel(&finder);
    add_processor(&finder);
    add_huge_pages(&finder);
    add(&finder, "data", path);
    if (find_device(path, &device, &itself) == 0) {
        if (!itself)
            add_file_system(&finder, device);
        add_device(&finder, device);
    }
}

void context_now(context_fn add_fact, void *user, const char *command, int argc, char *const *argv)
{
    char text[1024];
    size_t used;
    struct tm utc;
    const time_t now = time(NULL);

    if (gmtime_r(&now, &utc) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0)
        add_fact(user, "date", text);
    used = (size_t)snprintf(text, sizeof text, "indexkv %s", command);
    for (int i = 0; i < argc && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, " %s", argv[i]);
    add_fact(user, "command_line", text);
}
