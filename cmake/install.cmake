# Installation: the library, its header, and the files by which pkg-config and CMake find it.

# indexkv.pc finds its prefix from where it is, so that the installed tree can be moved.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(INDEXKV_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
  set(INDEXKV_PC_LIBDIR ${CMAKE_INSTALL_LIBDIR})
else()
  file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" INDEXKV_PC_PREFIX "\${pcfiledir}/${up}")
  set(INDEXKV_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(INDEXKV_PC_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
else()
  set(INDEXKV_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
# Not Requires.private: pkg-config would then ask for liburing.pc for the shared library, too.
set(INDEXKV_PC_LIBS_PRIVATE -pthread)
if(uring_found)
  string(REPLACE ";" " " INDEXKV_PC_LIBS_PRIVATE "${LIBURING_LDFLAGS};-pthread")
endif()
configure_file(cmake/indexkv.pc.in indexkv.pc @ONLY)

install(TARGETS indexkv EXPORT indexkv-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime
        NAMELINK_COMPONENT development)
install(TARGETS indexkv_static EXPORT indexkv-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(FILES include/indexkv.h include/indexkv.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/indexkv.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
install(EXPORT indexkv-targets NAMESPACE indexkv::
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/indexkv COMPONENT development)
configure_package_config_file(cmake/indexkv-config.cmake.in indexkv-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/indexkv)
write_basic_package_version_file(indexkv-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/indexkv-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/indexkv-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/indexkv COMPONENT development)

# libindexkv_mpi: compile and link with mpicc, pkg-config --cflags --libs indexkv_mpi. In no Debian
# package: it is built for the MPI library of the program that uses it.
if(TARGET indexkv_mpi)
  configure_file(cmake/indexkv_mpi.pc.in indexkv_mpi.pc @ONLY)
  install(TARGETS indexkv_mpi LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT mpi_library)
  install(FILES include/indexkv_mpi.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT mpi_library)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/indexkv_mpi.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT mpi_library)
endif()

# Manual pages. Debian wants them compressed.
function(ikv_install_pages section component)
  set(pages ${ARGN})
  if(INDEXKV_PACKAGE)
    find_program(GZIP_PROGRAM gzip REQUIRED)
    set(compressed)
    foreach(page ${pages})
      get_filename_component(name ${page} NAME)
      execute_process(COMMAND ${GZIP_PROGRAM} -9nc ${page} COMMAND_ERROR_IS_FATAL ANY
                      OUTPUT_FILE ${CMAKE_CURRENT_BINARY_DIR}/${name}.gz)
      list(APPEND compressed ${CMAKE_CURRENT_BINARY_DIR}/${name}.gz)
    endforeach()
    set(pages ${compressed})
  endif()
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT ${component})
endfunction()
if(INDEXKV_BUILD_TOOLS)
  file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/man/*.1)
  set(mpi_page ${PROJECT_SOURCE_DIR}/man/indexkv-mpi.1)
  list(REMOVE_ITEM pages ${mpi_page})
  ikv_install_pages(1 tools ${pages})
  ikv_install_pages(5 tools ${PROJECT_SOURCE_DIR}/man/indexkv.5)
  if(TARGET indexkv_mpi_command)
    ikv_install_pages(1 mpi ${mpi_page})
  endif()
endif()

# Section 3 is made from the header.
set(pages ${CMAKE_CURRENT_BINARY_DIR}/man3)
add_custom_command(OUTPUT ${pages}/made
  COMMAND ${PROJECT_SOURCE_DIR}/man/make-section-3 ${PROJECT_SOURCE_DIR}/include/indexkv.h ${pages}
          $<$<BOOL:${INDEXKV_PACKAGE}>:gz>
  COMMAND ${CMAKE_COMMAND} -E touch ${pages}/made
  DEPENDS man/make-section-3 include/indexkv.h VERBATIM COMMAND_EXPAND_LISTS)
add_custom_target(indexkv_pages ALL DEPENDS ${pages}/made)
install(DIRECTORY ${pages}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT development
        FILES_MATCHING PATTERN "*.3" PATTERN "*.3.gz")
