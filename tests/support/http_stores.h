/* The same pairs in three stores, and a server for them: the fixture of tests of stores at URLs. */
#ifndef TEST_HTTP_STORES_H
#define TEST_HTTP_STORES_H

#include "http_server.h"
#include "model.h"

enum { HTTP_ARRIVAL, HTTP_CLUSTERED, HTTP_PLAIN, HTTP_STORES };

typedef struct http_stores {
    store_model model; /* u64 keys */
    char *path[HTTP_STORES];
    http_server *server;
} http_stores;

/* Writes the stores to the directory of the group (group_dir_setup), and starts the server. */
void http_stores_start(http_stores *stores, void **state, size_t pairs, model_sizes sizes);
int http_stores_stop(http_stores *stores, void **state);

#endif
