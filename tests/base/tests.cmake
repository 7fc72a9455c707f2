ikv_test(test_latency)
ikv_test(test_scale)
