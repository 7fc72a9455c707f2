# Tests of sharded tables over MPI: each runs under mpirun with several numbers of ranks.
if(TARGET indexkv_mpi_static AND MPIEXEC_EXECUTABLE)
  # Open MPI refuses more ranks than cores, and root, unless it is asked; MPICH knows no such options.
  execute_process(COMMAND ${MPIEXEC_EXECUTABLE} --version OUTPUT_VARIABLE version ERROR_VARIABLE version)
  set(mpi_launch ${MPIEXEC_EXECUTABLE})
  if(version MATCHES "Open MPI|OpenRTE|PRRTE")
    list(APPEND mpi_launch --oversubscribe --allow-run-as-root --mca btl_vader_single_copy_mechanism none)
  endif()

  # What MPI libraries allocate once and never free is none of our leaks.
  set(mpi_environment OMPI_MCA_mpi_yield_when_idle=1)
  if(INDEXKV_SANITIZE MATCHES address)
    list(APPEND mpi_environment ASAN_OPTIONS=detect_leaks=0:strict_string_checks=1)
  endif()

  # Ranks that wait poll for messages: only one such test at a time.
  function(ikv_mpi_properties name)
    set_tests_properties(${name} PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77 RESOURCE_LOCK mpi PROCESSORS 2
                         ENVIRONMENT "${mpi_environment}")
  endfunction()

  add_library(test_mpi_support STATIC ${CMAKE_CURRENT_SOURCE_DIR}/mpi/mpi_checks.c
                                      ${CMAKE_CURRENT_SOURCE_DIR}/mpi/mpi_tables.c)
  target_link_libraries(test_mpi_support PUBLIC test_support indexkv_mpi_static indexkv_flags)
  target_include_directories(test_mpi_support PRIVATE ${CMAKE_SOURCE_DIR}/src)

  # ikv_mpi_test(NAME RANKS...): a program, run with each of these numbers of ranks.
  function(ikv_mpi_test name)
    add_executable(${name} ${CMAKE_CURRENT_SOURCE_DIR}/mpi/${name}.c)
    target_link_libraries(${name} PRIVATE test_mpi_support test_support indexkv_mpi_static indexkv_flags)
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
    foreach(ranks ${ARGN})
      add_test(NAME ${name}_${ranks} COMMAND ${mpi_launch} ${MPIEXEC_NUMPROC_FLAG} ${ranks}
                                             $<TARGET_FILE:${name}>)
      ikv_mpi_properties(${name}_${ranks})
    endforeach()
  endfunction()

  ikv_mpi_test(test_mpi_lookup 1 2 3 8)
  ikv_mpi_test(test_mpi_faults 1 2 3 8)
  ikv_mpi_test(test_mpi_scale 1 2 4 8)
  ikv_mpi_test(test_mpi_build 1 3 8)
  ikv_mpi_test(test_mpi_balance 1 3 8)
  ikv_mpi_test(test_mpi_publish 1 3)
  if(INDEXKV_LINKER_WRAPS)
    ikv_mpi_test(test_mpi_replaced 1 3)
    target_link_options(test_mpi_replaced PRIVATE -Wl,--wrap=ikv_manifest_read)
    ikv_mpi_test(test_mpi_empty 1 3)
    target_link_options(test_mpi_empty PRIVATE -Wl,--wrap=ikv_manifest_publish)
  endif()
  add_test(NAME mpi_killed COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/mpi/killed.sh $<TARGET_FILE:test_mpi_build>
                                   ${mpi_launch} ${MPIEXEC_NUMPROC_FLAG})
  ikv_mpi_properties(mpi_killed)
  if(TARGET indexkv_mpi_command AND TARGET indexkv_command)
    foreach(name command resume)
      add_test(NAME mpi_${name} COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/mpi/${name}.sh
               $<TARGET_FILE:indexkv_command> $<TARGET_FILE:indexkv_mpi_command>
               ${mpi_launch} ${MPIEXEC_NUMPROC_FLAG})
      ikv_mpi_properties(mpi_${name})
    endforeach()
  endif()
endif()
