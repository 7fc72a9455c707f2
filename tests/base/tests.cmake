ikv_test(test_latency)
