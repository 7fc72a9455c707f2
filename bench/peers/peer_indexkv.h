/* indexkv as a peer, and the store in it. */
#ifndef BENCH_PEER_INDEXKV_H
#define BENCH_PEER_INDEXKV_H

#include "peers/peer.h"

#include <indexkv.h>

#include <stdint.h>

/* On an engine of so many workers. */
struct peer *peer_indexkv_new(const struct dataset *data, ikv_backend backend, uint32_t threads);

/* Once it is open. */
ikv_store *peer_indexkv_store(const struct peer *peer);

#endif
