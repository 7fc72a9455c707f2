#include "text/same_file.h"

#include "base/exit_status.h"
#include "base/message.h"

#include <string.h>
#include <sys/stat.h>

bool same_file(const char *path, const char *other)
{
    struct stat status, other_status;
    if (strcmp(path, other) == 0)
        return true;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && stat(other, &other_status) == 0 &&
           status.st_dev == other_status.st_dev && status.st_ino == other_status.st_ino;
}

static bool is_file(const char *path)
{
    return path != NULL && strcmp(path, "-") != 0;
}

int check_not_input(const char *option, const char *path, const char *const *inputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_file(path) && is_file(inputs[i]) && same_file(path, inputs[i])) {
            message("%s: --%s can't be an input file", path, option);
            return STATUS_USAGE;
        }
    }
    return STATUS_DONE;
}
