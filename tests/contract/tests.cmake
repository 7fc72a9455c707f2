# The I/O contract: one suite run on every variant of the backends, and tests of rings alone.

add_library(test_contract OBJECT contract/child.c contract/content.c contract/faulty_io.c
            contract/variants.c contract/window.c)
target_include_directories(test_contract PUBLIC contract ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(test_contract PUBLIC test_support PRIVATE indexkv_flags cmocka)
if(http_found)
  target_compile_definitions(test_contract PRIVATE TEST_HAVE_HTTP)
  target_include_directories(test_contract SYSTEM PRIVATE ${CURL_INCLUDE_DIRS})
endif()
if(uring_found)
  target_compile_definitions(test_contract PUBLIC TEST_HAVE_URING)
  target_link_libraries(test_contract PUBLIC PkgConfig::LIBURING)
endif()

# ikv_contract_test(NAME [WRAP CALLS...]): one program, NAME.c in contract/.
function(ikv_contract_test name)
  cmake_parse_arguments(arg "" "" "LINK_OPTIONS" ${ARGN})
  add_executable(${name} contract/${name}.c $<TARGET_OBJECTS:indexkv_objects>)
  target_link_libraries(${name} PRIVATE indexkv_flags test_contract cmocka Threads::Threads)
  if(arg_LINK_OPTIONS)
    target_link_options(${name} PRIVATE ${arg_LINK_OPTIONS})
  endif()
endfunction()

function(ikv_contract_run name program)
  add_test(NAME ${name} COMMAND ${program} ${ARGN})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77)
endfunction()

ikv_contract_test(test_contract_io)
target_sources(test_contract_io PRIVATE contract/suite_single.c contract/suite_many.c contract/suite_errors.c)
set(contract_variants pread pread_direct faulty_pread)
if(uring_found)
  list(APPEND contract_variants
       uring uring_direct uring_no_defer uring_no_single_issuer uring_no_coop uring_no_submit_all
       uring_no_cqsize uring_no_buffers uring_no_files uring_bare uring_bare_direct uring_sqpoll
       uring_iopoll uring_small_sq uring_small_cq uring_small_cq_direct uring_small_window
       faulty_uring faulty_uring_direct)
endif()
foreach(variant ${contract_variants})
  ikv_contract_run(contract_${variant} test_contract_io ${variant})
endforeach()

if(uring_found)
  # Calls that contract/ring_shim.c wraps.
  set(ring_calls
      io_uring_submit io_uring_submit_and_wait __io_uring_get_cqe io_uring_queue_init_params
      io_uring_register_buffers io_uring_register_files)
  add_library(test_ring_shim OBJECT contract/ring_shim.c)
  target_link_libraries(test_ring_shim PUBLIC test_contract PRIVATE indexkv_flags)
  ikv_wrap(test_ring_shim INTERFACE ${ring_calls})

  foreach(name driver ring_faults storms setup seccomp lifecycle fork)
    ikv_contract_test(test_contract_${name})
    ikv_contract_run(contract_${name} test_contract_${name})
  endforeach()
  ikv_wrap(test_contract_driver PRIVATE ikv_io_ring)
  foreach(name driver ring_faults storms setup)
    target_link_libraries(test_contract_${name} PRIVATE test_ring_shim)
  endforeach()
endif()
