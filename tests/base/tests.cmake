ikv_test(test_latency)
ikv_test(test_scale)
ikv_test(test_stats_text)
