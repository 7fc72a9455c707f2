/* Features of a ring and their names. */
#ifndef IKV_URING_FEATURES_H
#define IKV_URING_FEATURES_H

/*
 * Optional features of a ring, the newest first. When setup fails with EINVAL, it is repeated
 * without the first one left, until the kernel accepts the rest. Deferred task work requires a
 * single issuer. The last two features are requested separately after setup.
 */
enum ikv_uring_feature {
    IKV_URING_DEFER_TASKRUN = 1 << 0, /* completions are processed only while waiting for them */
    IKV_URING_SINGLE_ISSUER = 1 << 1,
    IKV_URING_COOP_TASKRUN = 1 << 2,
    IKV_URING_SUBMIT_ALL = 1 << 3, /* a rejected request does not stop those submitted after it */
    IKV_URING_CLAMP = 1 << 4,
    IKV_URING_CQSIZE = 1 << 5,
    IKV_URING_BUFFERS = 1 << 6, /* registered buffers */
    IKV_URING_FILES = 1 << 7,   /* registered files */
    IKV_URING_FEATURES = (1 << 8) - 1
};

/* The name of one feature, as in ikv_ring_features_text. Static storage. */
const char *ikv_uring_feature_name(unsigned feature);

#endif
