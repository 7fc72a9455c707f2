ikv_test(test_verify)
ikv_test(test_verify_leaves)
ikv_test(test_verify_ranges)

# Every bit of a store, in parts that ctest runs in parallel.
add_executable(test_bit_flips verify/test_bit_flips.c $<TARGET_OBJECTS:indexkv_objects>)
target_link_libraries(test_bit_flips PRIVATE indexkv_flags test_support cmocka Threads::Threads)
foreach(part 0 1 2 3)
  add_test(NAME test_bit_flips_${part} COMMAND test_bit_flips ${part})
  set_tests_properties(test_bit_flips_${part} PROPERTIES TIMEOUT 1200)
endforeach()
