ikv_test(test_ring_features INTERNAL)
