/* Features of a ring and their names. */
#ifndef IKV_URING_FEATURES_H
#define IKV_URING_FEATURES_H

/*
 * What a ring can have, the newest first. Set-up gives up one at a time, in this order and only
 * when the kernel answers EINVAL, until it takes the rest; deferred task work goes with the single
 * issuer, which it needs. The last two are tried after set-up, each by itself.
 */
enum ikv_uring_feature {
    IKV_URING_DEFER_TASKRUN = 1 << 0, /* completions are worked off when we wait, not in between */
    IKV_URING_SINGLE_ISSUER = 1 << 1,
    IKV_URING_COOP_TASKRUN = 1 << 2,
    IKV_URING_SUBMIT_ALL = 1 << 3, /* a request in error does not hold up those behind it */
    IKV_URING_CLAMP = 1 << 4,
    IKV_URING_CQSIZE = 1 << 5,
    IKV_URING_BUFFERS = 1 << 6, /* registered buffers */
    IKV_URING_FILES = 1 << 7,   /* registered files */
    IKV_URING_FEATURES = (1 << 8) - 1
};

/* The name of one feature, as ikv_ring_features_text gives it too. Static storage. */
const char *ikv_uring_feature_name(unsigned feature);

#endif
