/* Writing the trailer of a native store: sections, their directory, footer. */
#ifndef IKV_TRAILER_WRITER_H
#define IKV_TRAILER_WRITER_H

#include "core/write/writer_state.h"

/* Append the trailer after the index. `header` is the header as it will be written. */
int ikv_writer_write_trailer(struct ikv_writer *writer,
                             const unsigned char header[IKV_HEADER_SIZE]);

#endif
