#include "base/numbers.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Parse the digits at *text and advance *text past them. */
static bool parse_digits(const char **text, uint64_t *ret_number)
{
    const char *p = *text;
    uint64_t number = 0;
    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        unsigned digit = (unsigned)(*p - '0');
        if (number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *text = p;
    *ret_number = number;
    return true;
}

bool parse_number(const char *text, uint64_t *ret_number)
{
    uint64_t number;
    if (!parse_digits(&text, &number) || *text != '\0')
        return false;
    *ret_number = number;
    return true;
}

bool parse_size(const char *text, uint64_t *ret_bytes)
{
    static const char suffixes[] = "KkMmGgTt";
    uint64_t number;
    if (!parse_digits(&text, &number))
        return false;
    unsigned shift = 0;
    if (*text != '\0') {
        const char *suffix = strchr(suffixes, *text);
        if (suffix == NULL || text[1] != '\0')
            return false;
        shift = ((unsigned)(suffix - suffixes) / 2 + 1) * 10;
    }
    if (number > UINT64_MAX >> shift)
        return false;
    *ret_bytes = number << shift;
    return true;
}

bool parse_octal(const char *text, uint32_t *ret_number)
{
    size_t length = strlen(text);
    if (length < 1 || length > 4 || strspn(text, "01234567") != length)
        return false;
    uint32_t number = 0;
    for (; *text; text++)
        number = number * 8 + (uint32_t)(*text - '0');
    *ret_number = number;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool parse_hex(const char *text, unsigned char *ret_bytes, size_t size)
{
    if (strlen(text) != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_bytes[i] = (unsigned char)(high * 16 + low);
    }
    return true;
}

struct number_text human_bytes(double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    struct number_text number;
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024;
        unit++;
    }
    snprintf(number.text, sizeof number.text, unit == 0 ? "%.0f %s" : "%.1f %s", bytes,
             units[unit]);
    return number;
}

struct number_text human_count(double count)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    struct number_text number;
    size_t unit = 0;
    while (count >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
        count /= 1000;
        unit++;
    }
    snprintf(number.text, sizeof number.text, unit == 0 ? "%.0f%s" : "%.1f%s", count, units[unit]);
    return number;
}

struct number_text human_duration(double seconds)
{
    struct number_text number;
    const double max = 999.0 * 3600;
    if (!(seconds >= 0)) /* true for NaN as well */
        seconds = 0;
    long whole = (long)((seconds > max ? max : seconds) + 0.5);
    if (whole >= 3600)
        snprintf(number.text, sizeof number.text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60,
                 whole % 60);
    else
        snprintf(number.text, sizeof number.text, "%ld:%02ld", whole / 60, whole % 60);
    return number;
}

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
