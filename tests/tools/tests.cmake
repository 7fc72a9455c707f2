# The cost model of lookups.
foreach(name test_theory test_theory_clustered)
  ikv_test(${name})
  target_sources(${name} PRIVATE tools/measured.c ${CMAKE_SOURCE_DIR}/tools/theory/theory.c)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tools)
  target_link_libraries(${name} PRIVATE m)
endforeach()

# Keys drawn for benchmarks.
ikv_test(test_draws)
foreach(file bench/draws bench/random bench/stored_keys base/exit_status base/numbers base/signals base/utf8 text/keys)
  target_sources(test_draws PRIVATE ${CMAKE_SOURCE_DIR}/tools/${file}.c)
endforeach()
target_include_directories(test_draws PRIVATE ${CMAKE_SOURCE_DIR}/tools)
target_link_libraries(test_draws PRIVATE m)

# Comparison of reports.
ikv_test(test_ratio)
target_sources(test_ratio PRIVATE ${CMAKE_SOURCE_DIR}/tools/compare/ratio.c)
target_include_directories(test_ratio PRIVATE ${CMAKE_SOURCE_DIR}/tools)
target_link_libraries(test_ratio PRIVATE m)

# Reports as tables.
ikv_test(test_report_table)
foreach(file report/report report/report_table base/buffer base/exit_status base/message text/output base/signals base/utf8 base/numbers)
  target_sources(test_report_table PRIVATE ${CMAKE_SOURCE_DIR}/tools/${file}.c)
endforeach()
target_include_directories(test_report_table PRIVATE ${CMAKE_SOURCE_DIR}/tools)
target_link_libraries(test_report_table PRIVATE m)

# The rule for a steady state.
ikv_test(test_steady)
target_sources(test_steady PRIVATE ${CMAKE_SOURCE_DIR}/tools/seek/steady.c)
target_include_directories(test_steady PRIVATE ${CMAKE_SOURCE_DIR}/tools)
target_link_libraries(test_steady PRIVATE m)

# JSON objects.
if(INDEXKV_COMPARE AND INDEXKV_BUILD_TOOLS)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
  ikv_test(test_json_line)
  target_sources(test_json_line PRIVATE ${CMAKE_SOURCE_DIR}/tools/input/json_line.c
                                        ${CMAKE_SOURCE_DIR}/tools/base/buffer.c)
  target_include_directories(test_json_line PRIVATE ${CMAKE_SOURCE_DIR}/tools)
  target_link_libraries(test_json_line PRIVATE PkgConfig::JANSSON)
endif()
