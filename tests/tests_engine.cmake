# Engines: answers, many callers, lifecycle, submitted batches, memory, rings that can't be had.
ikv_test(test_engine_submit TIMEOUT 120)
ikv_test(test_engine_life_threads TIMEOUT 120)
ikv_test(test_engine_rings INTERNAL TIMEOUT 120 LINK_OPTIONS -Wl,--wrap=ikv_io_ring,--wrap=ikv_io_ring_probe)
ikv_test(test_engine_turns TIMEOUT 120)
ikv_test(test_engine_values TIMEOUT 120)
ikv_test(test_engine_answers TIMEOUT 120)
