# Damage, forgery and bad places of disks seen by scans and lookups; what calls say they did; backends.
ikv_test(test_scan_damage)
ikv_test(test_scan_failed_reads)
target_link_libraries(test_scan_failed_reads PRIVATE test_fault_io)
ikv_test(test_left_footer)
target_link_libraries(test_left_footer PRIVATE test_fault_io)
ikv_test(test_account)
target_link_libraries(test_account PRIVATE test_fault_io)
ikv_test(test_options_size)
