ikv_test(test_key)
ikv_test(test_key_address)
ikv_test(test_key_garbage)
ikv_test(test_key_number)
