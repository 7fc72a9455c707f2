# Stores at URLs, on a server in the test process.

if(http_found)
  ikv_test(test_http_response INTERNAL)
  ikv_test(test_http_url INTERNAL)
  ikv_test(test_http_cache INTERNAL)
  ikv_test(test_http_open)
  ikv_test(test_http_faults)
  ikv_test(test_http_requests)
  ikv_test(test_http_fetch)
  ikv_test(test_http_fetch_races WRAP open open64 renameat)
  foreach(name random_model boundaries scan threads golden)
    add_test(NAME test_${name}_http COMMAND test_${name})
    set_tests_properties(test_${name}_http PROPERTIES TIMEOUT 1200 SKIP_RETURN_CODE 77
                         ENVIRONMENT "INDEXKV_TEST_BACKEND=http;INDEXKV_TEST_SHARE=0.02")
    add_test(NAME test_${name}_clustered_http COMMAND test_${name})
    set_tests_properties(test_${name}_clustered_http PROPERTIES TIMEOUT 1200 SKIP_RETURN_CODE 77
      ENVIRONMENT "INDEXKV_TEST_BACKEND=http;INDEXKV_TEST_LAYOUT=clustered;INDEXKV_TEST_SHARE=0.02")
  endforeach()
  # On a real server.
  foreach(name random_model scan golden)
    add_test(NAME test_${name}_nginx COMMAND test_${name})
    set_tests_properties(test_${name}_nginx PROPERTIES TIMEOUT 1200 SKIP_RETURN_CODE 77
      ENVIRONMENT "INDEXKV_TEST_BACKEND=nginx;INDEXKV_TEST_LAYOUT=clustered;INDEXKV_TEST_SHARE=0.02")
  endforeach()
  foreach(variant http nginx)
    ikv_contract_run(contract_${variant} test_contract_io ${variant})
  endforeach()
endif()
