/* How a ring is set up; tests use all of it. */
#ifndef IKV_URING_OPTIONS_H
#define IKV_URING_OPTIONS_H

#include <stdbool.h>

/* All zero is what ikv_io_uring.create uses. */
struct ikv_uring_options {
    bool sqpoll; /* a kernel thread of the ring's own takes the requests; it keeps a core busy */
    bool iopoll; /* completions are polled for; needs files opened with O_DIRECT, on a device with
                    poll queues */
    unsigned without;    /* IKV_URING_* that are not asked for */
    unsigned sq_entries; /* 0: from the depth */
    unsigned cq_entries; /* 0: from the depth */
    unsigned window;     /* most reads in the kernel at a time; 0: the completion queue's size */
};

#endif
