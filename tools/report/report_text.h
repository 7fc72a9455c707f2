/* Numbers as the writers of reports write them. */
#ifndef REPORT_TEXT_H
#define REPORT_TEXT_H

#include "report/report.h"

/* Exact as far as a measurement can be: whole numbers in full, others with nine digits; "" for what
 * is no number. */
struct report_text {
    char text[40];
};
struct report_text report_number_text(double number);

/* Bytes for people: "512 B", "4 KiB", "1.5 GiB". */
struct report_text report_bytes_text(double bytes);

/* A value for people, as its column wants it; "-" for none. */
struct report_text report_value_text(const struct report_column *column,
                                     const struct report_value *value);

#endif
