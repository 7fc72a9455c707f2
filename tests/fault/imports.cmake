# cmake -DNM=nm -DLIBRARY=libindexkv.so -P imports.cmake
cmake_minimum_required(VERSION 3.20)

# What the library asks of the C library. It must not print, exit or change signals, locale or umask;
# and it may touch files only by calls that fault_wrap.c knows, else the fault tests would miss them.
set(forbidden
    # output
    printf fprintf vprintf vfprintf dprintf puts fputs fputc putchar fwrite perror fopen fopen64 fdopen
    tmpfile mkstemp mkostemp mkdtemp
    # the process
    exit _exit quick_exit _Exit system execve fork vfork kill raise signal sigaction sigprocmask
    pthread_sigmask pthread_kill alarm setitimer umask setlocale setenv putenv chdir fchdir
    # files, by ways that are not watched
    creat creat64 writev pwritev pwritev64 pwritev2 preadv2 fallocate fallocate64 posix_fallocate
    posix_fallocate64 truncate truncate64 copy_file_range sendfile sendfile64 splice link linkat symlink
    renameat2 remove chmod fchmodat sync syncfs msync syscall lseek lseek64
    # memory, by ways that are not watched
    memalign valloc asprintf vasprintf getline)

execute_process(COMMAND ${NM} -D --undefined-only ${LIBRARY} OUTPUT_VARIABLE listing
                RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${NM} ${LIBRARY} failed")
endif()
string(REGEX MATCHALL "[^\n]+" lines "${listing}")
set(found)
foreach(line ${lines})
  if(line MATCHES "^ *[Uuw] +([A-Za-z0-9_]+)")
    set(name ${CMAKE_MATCH_1})
    string(REGEX REPLACE "^__(.*)_chk$" "\\1" plain ${name}) # fortified: __printf_chk
    if(plain IN_LIST forbidden)
      list(APPEND found ${name})
    endif()
  endif()
endforeach()
if(found)
  message(FATAL_ERROR "The library uses ${found}")
endif()
