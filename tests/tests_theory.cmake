# What lookups must cost, computed, and counted.
ikv_test(test_theory)
target_sources(test_theory PRIVATE ${CMAKE_SOURCE_DIR}/tools/theory.c)
target_include_directories(test_theory PRIVATE ${CMAKE_SOURCE_DIR}/tools)
target_link_libraries(test_theory PRIVATE m)
