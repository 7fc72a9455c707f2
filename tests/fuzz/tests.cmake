# Fuzz targets. Each is also a test, which replays its corpus with any compiler. With INDEXKV_FUZZ
# (clang) the same programs are fuzzers; scripts/fuzz runs them.

add_library(test_fuzz OBJECT fuzz/fuzz.c fuzz/decoded.c fuzz/holds.c fuzz/repair.c)
target_link_libraries(test_fuzz PRIVATE test_support indexkv_flags)
if(INDEXKV_FUZZ)
  set(fuzz_main "")
else()
  set(fuzz_main ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/replay.c)
endif()

foreach(name file calls import key decode)
  add_executable(fuzz_${name} fuzz/fuzz_${name}.c ${fuzz_main} $<TARGET_OBJECTS:indexkv_objects>)
  target_link_libraries(fuzz_${name} PRIVATE indexkv_flags test_fuzz test_support cmocka
                        Threads::Threads)
  target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/include)
  if(INDEXKV_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  endif()
  add_test(NAME fuzz_${name}
           COMMAND fuzz_${name} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
  set_tests_properties(fuzz_${name} PROPERTIES TIMEOUT 1200)
endforeach()
target_include_directories(fuzz_decode PRIVATE ${CMAKE_SOURCE_DIR}/src)
target_include_directories(fuzz_import PRIVATE ${CMAKE_SOURCE_DIR}/tools)
file(GLOB import_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/base/*.c
     ${CMAKE_SOURCE_DIR}/tools/input/*.c ${CMAKE_SOURCE_DIR}/tools/text/*.c)
target_sources(fuzz_import PRIVATE ${import_sources})
target_link_libraries(fuzz_import PRIVATE m)
