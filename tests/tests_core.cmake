# What works in memory alone: no store, no file.
ikv_test(test_geometry INTERNAL)
ikv_test(test_samples INTERNAL)
ikv_test(test_latency)
ikv_test(test_probe_counts INTERNAL)
ikv_test(test_probe_model)
ikv_test(test_probe_stats)
ikv_test(test_ring_features INTERNAL)
target_include_directories(test_ring_features PRIVATE ${CMAKE_SOURCE_DIR}/src/iouring)
