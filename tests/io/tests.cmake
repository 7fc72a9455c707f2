ikv_test(test_thread_files INTERNAL)
ikv_test(test_bad_place INTERNAL WRAP ikv_io_ring ikv_io_ring_probe)
ikv_test(test_backends)
ikv_test(test_backends_change)
