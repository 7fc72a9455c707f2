# Tests of the command: a shell script each, run with the path of the binary.
if(TARGET indexkv_command)
  foreach(name
      and_then
      backends
      bad_lines
      bench
      binary
      build_options
      closed_output
      compare
      compressed
      corrupt
      csv
      diff
      duplicates
      export
      format_kept
      get_engine
      get_pipeline
      golden
      help
      info
      input_errors
      jsonl
      key_syntax
      key_types
      layout
      lines
      match
      merge
      missing
      not_a_store
      output_formats
      overwrite
      plain
      progress
      ranges
      replicate
      sample
      same_bytes
      seek
      seek_device
      seek_errors
      seek_plots
      shards
      shards_missing
      signals
      stats
      streaming
      table_lock
      terminal
      traced_reads
      tsv
      usage)
    add_test(NAME cli_${name} COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/cli/${name}.sh
                                      $<TARGET_FILE:indexkv_command>)
    set_tests_properties(cli_${name} PROPERTIES TIMEOUT 1200 SKIP_RETURN_CODE 77)
  endforeach()

  if(TARGET indexkv_mpi_command AND NOT INDEXKV_SANITIZE) # MPI libraries leak
    set(mpi_command $<TARGET_FILE:indexkv_mpi_command>)
  endif()
  add_test(NAME cli_completions COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/cli/completions.sh
           $<TARGET_FILE:indexkv_command> ${mpi_command})
  set_tests_properties(cli_completions PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77)

  if(http_found)
    foreach(name url url_tls)
      add_test(NAME cli_${name} COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/cli/${name}.sh
                                        $<TARGET_FILE:indexkv_command>)
      set_tests_properties(cli_${name} PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77)
    endforeach()
  endif()

  # Again with clustered stores.
  foreach(name
      and_then
      backends
      bench
      binary
      build_options
      corrupt
      diff
      duplicates
      export
      get_engine
      key_types
      match
      merge
      missing
      output_formats
      ranges
      sample
      shards
      shards_missing
      signals
      stats
      streaming)
    add_test(NAME cli_${name}_clustered COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/cli/${name}.sh
                                                $<TARGET_FILE:indexkv_command>)
    set_tests_properties(cli_${name}_clustered PROPERTIES TIMEOUT 1200 SKIP_RETURN_CODE 77
                         ENVIRONMENT INDEXKV_TEST_LAYOUT=clustered)
  endforeach()
endif()
