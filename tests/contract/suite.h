/* The tests of the contract's suite, run by test_contract_io.c, and what they share. */
#ifndef IKV_TESTS_SUITE_H
#define IKV_TESTS_SUITE_H

#include "content.h"
#include "fixtures.h"
#include "variants.h"
#include "window.h"

#include <stddef.h>
#include <stdint.h>

#define ROOM ((size_t)5 * CONTENT_ALIGNMENT)

/* The variant under test. Constant once the tests have started. */
extern struct variant tested;

/* Makes and checks one read through an open window. */
void read_one(struct window *window, const struct content *content, uint64_t offset,
              uint32_t length, uint32_t need);

/* Offsets and lengths must be multiples of this. */
uint32_t unit(void);

/* The number of reads to do, by the scale of the tests. */
size_t many(size_t count);

/* suite_single.c: one read at a time. */
void nothing_to_do(void **state);
void offsets_and_lengths(void **state);
void sectors(void **state);
void end_of_file(void **state);
void beyond_the_end(void **state);
void impossible_offsets(void **state);
void large_reads(void **state);
void more_than_one_call_can(void **state);

/* suite_many.c: many reads, many files, many buffers. */
void huge_count_at_depth_1(void **state);
void huge_count_at_depth_2(void **state);
void huge_count_at_depth_256(void **state);
void odd_depths(void **state);
void many_files(void **state);
void file_replaced_under_the_number(void **state);
void buffers_elsewhere(void **state);

/* suite_errors.c: failing reads, refused requests, destroying. */
void errors_in_the_middle(void **state);
void errors_by_name(void **state);
void more_than_depth(void **state);
void depth_zero(void **state);
void destroy_with_reads_in_flight(void **state);

#endif
