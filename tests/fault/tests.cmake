# Failing allocations and system calls, killed processes, full disks, power failures.

# Calls that fault/fault_wrap.c wraps, by all names that C libraries give them.
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
add_library(test_victim OBJECT fault/victim.c fault/written.c)
foreach(part test_fault_io test_fault_alloc test_power_loss test_victim)
  target_include_directories(${part} PUBLIC fault)
  target_link_libraries(${part} PRIVATE test_support indexkv_flags)
endforeach()
if(NOT CMAKE_SYSTEM_NAME STREQUAL Linux) # the second and third names are glibc's
  list(FILTER fault_io_calls EXCLUDE REGEX "64|^__")
endif()
ikv_wrap(test_fault_io INTERFACE ${fault_io_calls})
ikv_wrap(test_fault_alloc INTERFACE ${fault_alloc_calls})

# ikv_writing_test(NAME [INTERNAL] [THREADS] [PARTS of the above ...])
# Tests without THREADS have one thread and are not built for the thread sanitizer.
function(ikv_writing_test name)
  cmake_parse_arguments(arg "INTERNAL;THREADS" "" "PARTS" ${ARGN})
  if(INDEXKV_SANITIZE MATCHES "thread" AND NOT arg_THREADS)
    return()
  endif()
  if(arg_INTERNAL)
    ikv_test(${name} INTERNAL)
  else()
    ikv_test(${name})
  endif()
  target_link_libraries(${name} PRIVATE test_victim ${arg_PARTS})
endfunction()

ikv_writing_test(test_faults_layer PARTS test_fault_io test_fault_alloc test_power_loss)
ikv_writing_test(test_faults_io PARTS test_fault_io)
ikv_writing_test(test_faults_reading PARTS test_fault_io)
ikv_writing_test(test_oom PARTS test_fault_alloc)
ikv_writing_test(test_crash_kill PARTS test_fault_io)
ikv_writing_test(test_crash_power PARTS test_fault_io test_power_loss)
ikv_writing_test(test_disk_full)

if(CMAKE_NM)
  add_test(NAME library_imports
           COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM}
                   "-DOBJECTS=$<JOIN:$<TARGET_OBJECTS:indexkv_objects>,|>"
                   -P ${CMAKE_CURRENT_SOURCE_DIR}/fault/imports.cmake)
endif()
