#include "checks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void assert_ok_at(int code, const ikv_error *err, const char *file, int line)
{
    if (code == 0)
        return;
    print_error("failed with %d (%s): %s\n", code, ikv_strerror(code),
                err != NULL ? err->message : "no message");
    _fail(file, line);
}

void assert_failed_at(int code, int expected, const ikv_error *err, const char *path,
                      const char *file, int line)
{
    const char *wrong = NULL;

    if (code != expected)
        wrong = "unexpected code";
    else if (err->code != expected)
        wrong = "unexpected code in the error";
    else if (err->message[0] == '\0' || strchr(err->message, '\n') != NULL)
        wrong = "the message is not one line";
    else if (path != NULL && strcmp(err->file, path) != 0)
        wrong = "unexpected file in the error";
    else if (path != NULL && strstr(err->message, path) == NULL)
        wrong = "the message does not name the file";
    if (wrong == NULL)
        return;
    print_error("%s: returned %d, expected %d; error %d, file '%s', message '%s'\n", wrong, code,
                expected, err->code, err->file, err->message);
    _fail(file, line);
}
