# cmake -DNM=nm -DOBJECTS=a.o|b.o|... -P imports.cmake
#
# Checks which functions the library calls. Reads its object files, since a shared library also has
# symbols of gcov and the like.
cmake_minimum_required(VERSION 3.20)

# The library must not print, exit or change signals, locale or umask.
set(forbidden
    printf fprintf vprintf vfprintf dprintf puts fputs fputc putchar fwrite perror
    abort exit _exit quick_exit _Exit system execve fork vfork kill raise signal sigaction sigprocmask
    pthread_kill alarm setitimer umask setlocale setenv putenv chdir fchdir)

# Only the function that creates threads may change a signal mask, so that they inherit it.
set(only_by_thread pthread_sigmask)

# The core may access files and memory only by calls that fault_wrap.c and fault_alloc.c wrap, since the
# fault tests would miss others.
set(not_wrapped
    fopen fopen64 fdopen tmpfile mkstemp mkostemp mkdtemp creat creat64 writev pwritev pwritev64 pwritev2
    preadv2 fallocate fallocate64 posix_fallocate posix_fallocate64 truncate truncate64 copy_file_range
    sendfile sendfile64 splice link linkat symlink renameat2 remove chmod fchmodat sync syncfs msync
    syscall lseek lseek64 memalign valloc asprintf vasprintf getline)

# The undefined symbols that nm lists, fortified names (__printf_chk) in their plain form.
function(undefined_symbols ret)
  execute_process(COMMAND ${NM} --undefined-only ${ARGN} OUTPUT_VARIABLE listing RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${NM} ${ARGN} failed")
  endif()
  string(REGEX MATCHALL "[^\n]+" lines "${listing}")
  set(names)
  foreach(line ${lines})
    if(line MATCHES "^ *[Uuw] +([A-Za-z0-9_]+)")
      string(REGEX REPLACE "^__(.*)_chk$" "\\1" name ${CMAKE_MATCH_1})
      list(APPEND names ${name})
    endif()
  endforeach()
  set(${ret} ${names} PARENT_SCOPE)
endfunction()

string(REPLACE "|" ";" objects "${OBJECTS}")
set(core ${objects})
list(FILTER core INCLUDE REGEX "/core/")
list(LENGTH core count)
if(count LESS 10)
  message(FATAL_ERROR "found only ${count} objects of the core")
endif()
set(others ${objects})
list(FILTER others EXCLUDE REGEX "/base/thread\\.")
undefined_symbols(library_symbols ${objects})
undefined_symbols(other_symbols ${others})
undefined_symbols(core_symbols ${core})
set(found)
foreach(name ${library_symbols})
  if(name IN_LIST forbidden)
    list(APPEND found ${name})
  endif()
endforeach()
foreach(name ${other_symbols})
  if(name IN_LIST only_by_thread)
    list(APPEND found ${name})
  endif()
endforeach()
foreach(name ${core_symbols})
  if(name IN_LIST not_wrapped)
    list(APPEND found "${name} (core)")
  endif()
endforeach()
list(REMOVE_DUPLICATES found)
if(found)
  message(FATAL_ERROR "The library uses: ${found}")
endif()
