/* indexkv compare in builds without jansson, which parses the reports. */
#include "base/exit_status.h"
#include "base/message.h"
#include "command.h"

int cmd_compare(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    message("compare: not supported, built without jansson (INDEXKV_COMPARE)");
    return STATUS_USAGE;
}
