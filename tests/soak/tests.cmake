# Readers in all modes while everything around them changes; an hour: tests/soak 3600.
if(CMAKE_SYSTEM_NAME STREQUAL Linux AND NOT INDEXKV_PORTABLE)
  add_executable(soak soak/soak.c $<TARGET_OBJECTS:indexkv_objects>)
  target_include_directories(soak PRIVATE ${CMAKE_SOURCE_DIR}/include)
  target_link_libraries(soak PRIVATE indexkv_flags test_support cmocka Threads::Threads)
  add_test(NAME soak_threads COMMAND soak 3)
  set_tests_properties(soak_threads PROPERTIES TIMEOUT 300)
endif()
