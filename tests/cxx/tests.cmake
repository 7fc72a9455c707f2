# The C++ header, if there is a C++ compiler; its coroutines need one for C++20.
include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER)
  enable_language(CXX)
  foreach(standard 17 20)
    add_executable(test_hpp_${standard} cxx/test_hpp.cc)
    target_link_libraries(test_hpp_${standard} PRIVATE indexkv indexkv_flags Threads::Threads)
    set_target_properties(test_hpp_${standard} PROPERTIES
      CXX_STANDARD ${standard} CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF)
    add_test(NAME cxx_header_${standard}
             COMMAND test_hpp_${standard} ${CMAKE_CURRENT_BINARY_DIR}/hpp_${standard}.ikv)
    set_tests_properties(cxx_header_${standard} PROPERTIES TIMEOUT 300)
  endforeach()
  if(INDEXKV_BUILD_EXAMPLES)
    add_executable(lookup_cxx ${PROJECT_SOURCE_DIR}/examples/lookup.cc)
    target_link_libraries(lookup_cxx PRIVATE indexkv indexkv_flags)
    set_target_properties(lookup_cxx PROPERTIES CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON)
    add_test(NAME example_lookup_cxx COMMAND lookup_cxx ${CMAKE_CURRENT_BINARY_DIR}/lookup_cxx.ikv)
    set_tests_properties(example_lookup_cxx PROPERTIES
      PASS_REGULAR_EXPRESSION "^1976 Viking 1\n2003 Spirit\n2024 is missing\n$")
  endif()
endif()
