# Writing: what is written, and what becomes of it when memory, disk or power fail.

# Calls that fault/fault_wrap.c wraps, by every name that a C library gives them.
set(fault_io_calls
    open open64 __open_2 __open64_2 openat openat64 __openat_2 __openat64_2
    read __read_chk pread pread64 __pread_chk __pread64_chk write pwrite pwrite64
    ftruncate ftruncate64 fchmod fsync fdatasync close
    fstat fstat64 stat stat64 lstat lstat64 fstatat fstatat64
    rename renameat unlink unlinkat getrandom getentropy
    posix_fadvise posix_fadvise64 sync_file_range)
set(fault_alloc_calls
    malloc calloc realloc reallocarray aligned_alloc posix_memalign strdup strndup free)

add_library(test_fault_io OBJECT fault/fault_io.c fault/fault_wrap.c)
add_library(test_fault_alloc OBJECT fault/fault_alloc.c)
add_library(test_power_loss OBJECT fault/power_log.c fault/power_loss.c)
foreach(part test_fault_io test_fault_alloc test_power_loss)
  target_include_directories(${part} PUBLIC fault)
  target_link_libraries(${part} PRIVATE test_support indexkv_flags)
endforeach()
foreach(call ${fault_io_calls})
  target_link_options(test_fault_io INTERFACE "-Wl,--wrap=${call}")
endforeach()
foreach(call ${fault_alloc_calls})
  target_link_options(test_fault_alloc INTERFACE "-Wl,--wrap=${call}")
endforeach()

ikv_test(test_faults_layer)
target_link_libraries(test_faults_layer PRIVATE test_fault_io test_fault_alloc test_power_loss)
