/* Resources of this process, which tests check for leaks. */
#ifndef TEST_PROCESS_H
#define TEST_PROCESS_H

#include <stddef.h>
#include <stdint.h>

/* Peak memory in bytes. */
uint64_t process_peak_memory(void);
/* Number of descriptors and of threads; 0 if the system does not list them. */
size_t process_descriptors(void);
size_t process_threads(void);
/* Waits until the number of threads is down to `wanted`, at most some seconds, and returns it: a
 * joined thread leaves the kernel's list a moment later. */
size_t process_threads_down_to(size_t wanted);

/* Both, to check that none were leaked. */
typedef struct process_usage {
    size_t descriptors;
    size_t threads;
} process_usage;
process_usage process_usage_now(void);
#define assert_process_usage(before) assert_process_usage_at((before), __FILE__, __LINE__)
void assert_process_usage_at(process_usage before, const char *file, int line);

#endif
