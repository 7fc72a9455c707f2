/* Numbers as text in reports. */
#ifndef REPORT_TEXT_H
#define REPORT_TEXT_H

#include "report/report.h"

/* Integers in full, other numbers with nine digits; "" if not finite. */
struct report_text {
    char text[40];
};
struct report_text report_number_text(double number);

/* "512 B", "4 KiB", "1.5 GiB". */
struct report_text report_bytes_text(double bytes);

/* A value in its column's format; "-" if there is none. */
struct report_text report_value_text(const struct report_column *column,
                                     const struct report_value *value);

#endif
