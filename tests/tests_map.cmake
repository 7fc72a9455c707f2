# Lookups in memory, through a mapping of the file.
function(ikv_map_test name)
  ikv_test(${name} INTERNAL TIMEOUT 120)
  target_sources(${name} PRIVATE unit/map_fixture.c)
endfunction()

ikv_map_test(test_map_truncated)
ikv_map_test(test_map_belief)
ikv_map_test(test_map_memory)
target_link_libraries(test_map_memory PRIVATE test_fault_alloc)
target_link_options(test_map_memory PRIVATE -Wl,--wrap=mmap,--wrap=mmap64)
ikv_map_test(test_map_answers)
ikv_map_test(test_map_damage)
