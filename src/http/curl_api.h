/*
 * libcurl, loaded when the first URL is opened. Linked, it would cost every program that uses this
 * library 4 ms and 6 MB at its start, for it and what it depends on.
 */
#ifndef IKV_HTTP_CURL_API_H
#define IKV_HTTP_CURL_API_H

#include <curl/curl.h>

struct ikv_curl {
    CURLcode (*global_init)(long flags);
    void (*global_cleanup)(void);
    CURL *(*easy_init)(void);
    void (*easy_reset)(CURL *easy);
    CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
    CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
    const char *(*easy_strerror)(CURLcode code);
    void (*easy_cleanup)(CURL *easy);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
    CURLMcode (*multi_add_handle)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_perform)(CURLM *multi, int *ret_running);
    CURLMcode (*multi_poll)(CURLM *multi, struct curl_waitfd *extra, unsigned count, int timeout_ms,
                            int *ret_ready);
    CURLMsg *(*multi_info_read)(CURLM *multi, int *ret_left);
    CURLMcode (*multi_cleanup)(CURLM *multi);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *line);
    void (*slist_free_all)(struct curl_slist *list);
};

/* Load it; later calls only look its functions up. It is never unloaded, since its dependencies may
 * have started things that outlive any of its users. 0, or -ENOSYS: it is not installed, or lacks a
 * function. */
int ikv_curl_load(struct ikv_curl *ret);

#endif
