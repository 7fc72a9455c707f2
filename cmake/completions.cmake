# Completions for bash, zsh and fish, written by what the command itself prints. Not made when the
# command can't be run here.
if(CMAKE_CROSSCOMPILING)
  return()
endif()
set(made ${CMAKE_CURRENT_BINARY_DIR}/completions)
set(make ${PROJECT_SOURCE_DIR}/tools/completions/make)
file(GLOB manual_pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/man/*.1)
add_custom_command(OUTPUT ${made}/indexkv ${made}/_indexkv ${made}/indexkv.fish
  COMMAND ${make} $<TARGET_FILE:indexkv_command> ${PROJECT_SOURCE_DIR}/man ${made}
  DEPENDS indexkv_command ${make} ${manual_pages} VERBATIM)
add_custom_target(indexkv_completions ALL DEPENDS ${made}/indexkv)
install(FILES ${made}/indexkv COMPONENT tools
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${made}/_indexkv COMPONENT tools
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${made}/indexkv.fish COMPONENT tools
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
