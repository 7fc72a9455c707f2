ikv_writing_test(test_ranges THREADS)
ikv_writing_test(test_ranges_writer)
if(INDEXKV_LINKER_WRAPS)
  ikv_test(test_ranges_long INTERNAL WRAP ikv_pair_sorter_next ikv_pair_sorter_read ikv_tape_append
           ikv_tape_read)
endif()
