/* Between the wrappers (fault_wrap.c) and the layer that decides what becomes of a call. */
#ifndef IKV_TESTS_FAULT_WRAP_H
#define IKV_TESTS_FAULT_WRAP_H

#include "fault_io.h"

/* Carries a call out; returns what the call returns and leaves errno as the call did. Wrappers keep
 * arguments that fault_event has no name for in fields that their kind of call does not use. */
typedef int64_t (*fault_real_call)(const fault_event *event);

int64_t fault_run(fault_event event, fault_real_call real);

#endif
