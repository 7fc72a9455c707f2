#include "variants.h"

#include "core/io/io_pread.h"
#include "faulty_io.h"

#include "indexkv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef TEST_HAVE_HTTP
#include "content.h"
#include "http/object.h"
#include "http/source.h"
#include "http_server.h"
#include "nginx.h"
#endif

#ifdef TEST_HAVE_URING
#include "iouring/explain.h"
#include "iouring/uring.h"

/* The backend with other options than its defaults. */
#define URING_CREATE(name, ...)                                                                    \
    static int create_##name(const struct ikv_io_options *options, struct ikv_io **ret)            \
    {                                                                                              \
        return ikv_uring_create_with(options, &(struct ikv_uring_options){__VA_ARGS__}, ret);      \
    }

URING_CREATE(no_defer, .without = IKV_URING_DEFER_TASKRUN)
URING_CREATE(no_single_issuer, .without = IKV_URING_SINGLE_ISSUER)
URING_CREATE(no_coop, .without = IKV_URING_DEFER_TASKRUN | IKV_URING_COOP_TASKRUN)
URING_CREATE(no_submit_all, .without = IKV_URING_SUBMIT_ALL)
URING_CREATE(no_cqsize, .without = IKV_URING_CQSIZE | IKV_URING_CLAMP)
URING_CREATE(no_buffers, .without = IKV_URING_BUFFERS)
URING_CREATE(no_files, .without = IKV_URING_FILES)
URING_CREATE(bare, .without = IKV_URING_FEATURES)
URING_CREATE(sqpoll, .sqpoll = true)
URING_CREATE(iopoll, .iopoll = true)
URING_CREATE(small_sq, .sq_entries = 2)
/* More requests in flight than the completion queue holds, so that it overflows. */
URING_CREATE(small_cq, .sq_entries = 1, .cq_entries = 1, .window = 1 << 20)
URING_CREATE(small_window, .window = 3)

static int create_default(const struct ikv_io_options *options, struct ikv_io **ret)
{
    return ikv_io_uring.create(options, ret);
}

static const struct {
    const char *name;
    int (*create)(const struct ikv_io_options *options, struct ikv_io **ret);
    bool direct;
} uring_variants[] = {
    {"uring", create_default, false},
    {"uring_direct", create_default, true},
    {"uring_no_defer", create_no_defer, false},
    {"uring_no_single_issuer", create_no_single_issuer, false},
    {"uring_no_coop", create_no_coop, true},
    {"uring_no_submit_all", create_no_submit_all, false},
    {"uring_no_cqsize", create_no_cqsize, false},
    {"uring_no_buffers", create_no_buffers, true},
    {"uring_no_files", create_no_files, true},
    {"uring_bare", create_bare, false},
    {"uring_bare_direct", create_bare, true},
    {"uring_sqpoll", create_sqpoll, false},
    {"uring_iopoll", create_iopoll, true},
    {"uring_small_sq", create_small_sq, false},
    {"uring_small_cq", create_small_cq, false},
    {"uring_small_cq_direct", create_small_cq, true},
    {"uring_small_window", create_small_window, false},
};

static bool find_uring(const char *name, struct variant *ret)
{
    for (size_t i = 0; i < sizeof uring_variants / sizeof uring_variants[0]; i++) {
        if (strcmp(uring_variants[i].name, name) != 0)
            continue;
        ret->backend = ikv_io_uring;
        ret->backend.create = uring_variants[i].create;
        ret->direct = uring_variants[i].direct;
        /* The kernel's thread and the test's compete if there are few cores. */
        if (strcmp(name, "uring_sqpoll") == 0)
            ret->slowdown = 20;
        return true;
    }
    return false;
}

static void print_features(const struct variant *variant, const struct ikv_io *io)
{
    char features[400];

    if (variant->backend.submit == ikv_io_uring.submit)
        (void)printf("%s: %s\n", variant->name, ikv_uring_features(io, features, sizeof features));
}

static const char *explain(int code, char *why, size_t size)
{
    return ikv_uring_explain(code, why, size);
}

#else

static bool find_uring(const char *name, struct variant *ret)
{
    (void)name;
    (void)ret;
    return false;
}

static void print_features(const struct variant *variant, const struct ikv_io *io)
{
    (void)variant;
    (void)io;
}

static const char *explain(int code, char *why, size_t size)
{
    (void)snprintf(why, size, "%s", ikv_strerror(code));
    return why;
}

#endif

#ifdef TEST_HAVE_HTTP
static int open_http(const char *path, struct ikv_source **ret)
{
    char *url = http_url(path);
    const int code = ikv_http_open(url, NULL, ret, NULL);

    free(url);
    return code;
}

static int open_nginx(const char *path, struct ikv_source **ret)
{
    char *url = nginx_url(path);
    const int code = ikv_http_open(url, NULL, ret, NULL);

    free(url);
    return code;
}

/* Range requests to a server in this process, or to nginx. */
static bool find_remote(const char *name, struct variant *ret)
{
    const bool is_nginx = strcmp(name, "nginx") == 0;

    if (!is_nginx && strcmp(name, "http") != 0)
        return false;
    content_set_source(is_nginx ? open_nginx : open_http);
    ret->backend = ikv_io_http;
    ret->is_remote = true;
    ret->slowdown = 50;
    return true;
}
#else
static bool find_remote(const char *name, struct variant *ret)
{
    (void)name;
    (void)ret;
    return false;
}
#endif

/* "faulty_NAME": variant NAME with split and reordered reads, but no failures. */
static bool find_faulty(const char *name, struct variant *ret)
{
    static struct variant inner;
    static const char prefix[] = "faulty_";

    if (strncmp(name, prefix, sizeof prefix - 1) != 0 ||
        !variant_find(name + sizeof prefix - 1, &inner))
        return false;
    const faulty_plan plan = {.inner = &inner.backend, .seed = 4711, .cut = 3, .hold = 7};
    faulty_io_set(&plan);
    ret->backend = faulty_io;
    ret->direct = inner.direct;
    return true;
}

bool variant_find(const char *name, struct variant *ret)
{
    ret->name = name;
    ret->direct = false;
    ret->is_remote = false;
    ret->slowdown = 1;
    if (strcmp(name, "pread") == 0) {
        ret->backend = ikv_io_pread;
        return true;
    }
    if (strcmp(name, "pread_direct") == 0) {
        ret->backend = ikv_io_pread;
        ret->direct = true;
        return true;
    }
    return find_uring(name, ret) || find_remote(name, ret) || find_faulty(name, ret);
}

void variant_require(const struct variant *variant)
{
    const struct ikv_io_options options = {.depth = 4};
    struct ikv_io *io = NULL;
    char why[400];
    int code = variant->backend.create(&options, &io);

    if (code < 0) {
        (void)fprintf(stderr, "skipped: %s: %s\n", variant->name, explain(code, why, sizeof why));
        exit(77);
    }
    print_features(variant, io);
    variant->backend.destroy(io);
}

void variant_require_uring(void)
{
    struct variant uring;

    if (variant_find("uring", &uring))
        variant_require(&uring);
}
