/* From the pairs of a clustered store to leaves and the base format's index. */
#ifndef IKV_FINISH_CLUSTERED_H
#define IKV_FINISH_CLUSTERED_H

#include "core/write/writer_state.h"

/* IKV_E_DUPLICATE: see writer->clustered->duplicate. */
int ikv_writer_complete_clustered(struct ikv_writer *writer);

#endif
