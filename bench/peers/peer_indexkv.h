/* indexkv as a peer. */
#ifndef BENCH_PEER_INDEXKV_H
#define BENCH_PEER_INDEXKV_H

#include "peers/peer.h"

#include <indexkv.h>

#include <stdint.h>

/* Uses an engine with `threads` workers. */
struct peer *peer_indexkv_new(const struct dataset *data, ikv_backend backend, uint32_t threads);

/* The store of an open peer. */
ikv_store *peer_indexkv_store(const struct peer *peer);

#endif
