/* Options for creating a ring. Only tests set them. */
#ifndef IKV_URING_OPTIONS_H
#define IKV_URING_OPTIONS_H

#include <stdbool.h>

/* ikv_io_uring.create uses the defaults, which are all zero. */
struct ikv_uring_options {
    bool sqpoll;         /* a kernel thread polls for requests, which keeps a core busy */
    bool iopoll;         /* poll for completions; requires O_DIRECT and a device with poll queues */
    unsigned without;    /* IKV_URING_* not to request */
    unsigned sq_entries; /* 0: from the depth */
    unsigned cq_entries; /* 0: from the depth */
    unsigned window;     /* maximum number of reads in the kernel; 0: the completion queue's size */
};

#endif
