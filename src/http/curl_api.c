#include "http/curl_api.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char *const names[] = {
    "libcurl.so.4",    /* Linux */
    "libcurl.4.dylib", /* macOS */
    "libcurl.so",      /* systems that count differently */
};

/* POSIX requires that a function pointer fits into the result of dlsym; ISO C has no cast. */
static bool find(void *library, const char *name, void *ret_function)
{
    void *symbol = dlsym(library, name);

    if (symbol)
        memcpy(ret_function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool find_all(void *library, struct ikv_curl *curl)
{
    return find(library, "curl_global_init", &curl->global_init) &&
           find(library, "curl_global_cleanup", &curl->global_cleanup) &&
           find(library, "curl_easy_init", &curl->easy_init) &&
           find(library, "curl_easy_reset", &curl->easy_reset) &&
           find(library, "curl_easy_setopt", &curl->easy_setopt) &&
           find(library, "curl_easy_getinfo", &curl->easy_getinfo) &&
           find(library, "curl_easy_strerror", &curl->easy_strerror) &&
           find(library, "curl_easy_cleanup", &curl->easy_cleanup) &&
           find(library, "curl_multi_init", &curl->multi_init) &&
           find(library, "curl_multi_setopt", &curl->multi_setopt) &&
           find(library, "curl_multi_add_handle", &curl->multi_add_handle) &&
           find(library, "curl_multi_remove_handle", &curl->multi_remove_handle) &&
           find(library, "curl_multi_perform", &curl->multi_perform) &&
           find(library, "curl_multi_poll", &curl->multi_poll) &&
           find(library, "curl_multi_info_read", &curl->multi_info_read) &&
           find(library, "curl_multi_cleanup", &curl->multi_cleanup) &&
           find(library, "curl_slist_append", &curl->slist_append) &&
           find(library, "curl_slist_free_all", &curl->slist_free_all);
}

int ikv_curl_load(struct ikv_curl *ret)
{
    void *library = NULL;

    for (size_t i = 0; i < sizeof names / sizeof names[0] && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library)
        return -ENOSYS;
    const bool complete = find_all(library, ret);
    (void)dlclose(library); /* it stays loaded */
    return complete ? 0 : -ENOSYS;
}
