# Completions for bash, zsh and fish, written by what a command itself prints. Not made when the
# command can't be run here, as a program of MPI may not on the machine on which it is built.
function(ikv_make_completions target name component)
  if(CMAKE_CROSSCOMPILING)
    return()
  endif()
  set(made ${CMAKE_CURRENT_BINARY_DIR}/completions)
  set(make ${PROJECT_SOURCE_DIR}/tools/completions/make)
  file(GLOB manual_pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/man/*.1)
  add_custom_command(OUTPUT ${made}/made-${name}
    COMMAND ${make} $<TARGET_FILE:${target}> ${PROJECT_SOURCE_DIR}/man ${made}
    COMMAND ${CMAKE_COMMAND} -E touch ${made}/made-${name}
    DEPENDS ${target} ${make} ${manual_pages} VERBATIM)
  add_custom_target(${target}_completions ALL DEPENDS ${made}/made-${name})
  install(FILES ${made}/${name} COMPONENT ${component} OPTIONAL
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${made}/_${name} COMPONENT ${component} OPTIONAL
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  install(FILES ${made}/${name}.fish COMPONENT ${component} OPTIONAL
          DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endfunction()
