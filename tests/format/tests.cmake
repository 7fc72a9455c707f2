ikv_test(test_geometry INTERNAL)
ikv_test(test_decoder)
ikv_test(test_golden)
ikv_test(test_filter INTERNAL)
