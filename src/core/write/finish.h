/* From added pairs to a complete store: index, duplicates, trailer, header. */
#ifndef IKV_FINISH_H
#define IKV_FINISH_H

#include "core/write/writer_state.h"

/* Write index and trailer. The header is left to ikv_output_publish. */
int ikv_writer_complete(struct ikv_writer *writer, unsigned char ret_header[IKV_HEADER_SIZE],
                        ikv_error *err);

#endif
