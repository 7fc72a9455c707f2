# Packages, made by cpack: libindexkv0, libindexkv-dev and indexkv as .deb, python3-indexkv,
# indexkv-sqlite and indexkv-mpi if they are built, and one .tar.gz with everything. scripts/package
# makes and checks them.

set(CPACK_PACKAGE_NAME indexkv)
set(CPACK_PACKAGE_VENDOR indexkv)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "immutable key-value store with batch lookups")
set(CPACK_PACKAGE_CONTACT "the indexkv authors <indexkv@users.noreply.github.com>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_STRIP_FILES ON)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_CHECKSUM SHA256)
set(components runtime development tools)
if(INDEXKV_BUILD_PYTHON)
  list(APPEND components python)
endif()
if(INDEXKV_BUILD_SQLITE)
  list(APPEND components sqlite)
endif()
if(TARGET indexkv_mpi_command)
  list(APPEND components mpi)
endif()
set(CPACK_COMPONENTS_ALL ${components})

set(CPACK_ARCHIVE_COMPONENT_INSTALL OFF)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)

set(library libindexkv${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ${library})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
# Beside these, cpack always adds scripts that call ldconfig, of which lintian warns.
set(control ${CMAKE_CURRENT_BINARY_DIR}/control)
file(WRITE ${control}/triggers "activate-noawait ldconfig\n")
file(WRITE ${control}/shlibs
     "libindexkv ${PROJECT_VERSION_MAJOR} ${library} (>= ${PROJECT_VERSION})\n")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${control}/triggers ${control}/shlibs)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libindexkv-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${library} (= ${PROJECT_VERSION})")
if(uring_found) # what the static library is linked with
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", liburing-dev")
endif()
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME indexkv)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION database)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SUGGESTS gnuplot-nox)
# Both contain the library. The extension of Python has the stable ABI of 3.11.
set(CPACK_DEBIAN_PYTHON_PACKAGE_NAME python3-indexkv)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "python3 (>= 3.11), python3-numpy")
set(CPACK_DEBIAN_SQLITE_PACKAGE_NAME indexkv-sqlite)
set(CPACK_DEBIAN_SQLITE_PACKAGE_SECTION database)
set(CPACK_DEBIAN_SQLITE_PACKAGE_DEPENDS "libsqlite3-0 (>= 3.38)")
set(CPACK_DEBIAN_SQLITE_PACKAGE_SUGGESTS sqlite3)
# The shared libraries of MPI are found by dpkg-shlibdeps; jobs are started by mpirun.
set(CPACK_DEBIAN_MPI_PACKAGE_NAME indexkv-mpi)
set(CPACK_DEBIAN_MPI_PACKAGE_SECTION database)
set(CPACK_DEBIAN_MPI_PACKAGE_DEPENDS openmpi-bin)
set(CPACK_DEBIAN_MPI_PACKAGE_RECOMMENDS indexkv)

set(about "indexkv is an immutable key-value store in a single file, for keys of fixed
width. Whole batches of keys are looked up in one call, with hundreds of reads
in flight.
.
")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
  "${about}This package contains the shared library.")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
  "${about}This package contains the header, the static library, and what pkg-config and
CMake need.")
set(CPACK_COMPONENT_TOOLS_DESCRIPTION
  "${about}This package contains the command, which builds, queries, verifies and measures
stores.")
set(CPACK_COMPONENT_PYTHON_DESCRIPTION
  "${about}This package contains the module for Python, which takes and returns NumPy
arrays.")
set(CPACK_COMPONENT_SQLITE_DESCRIPTION
  "${about}This package contains the extension for SQLite, which reads a store as a
virtual table. The file to load is in the directory indexkv of the libraries.")
set(CPACK_COMPONENT_MPI_DESCRIPTION
  "${about}This package contains the command for sharded tables that are built and queried
by the processes of an MPI job, on one machine or many. It uses Open MPI.")

# Every Debian package has a copyright file and a changelog in Debian's form.
set(doc ${CMAKE_CURRENT_BINARY_DIR}/package)
file(READ LICENSE license)
string(REGEX REPLACE "^MIT License\n\nCopyright \\(c\\) ([^\n]*)\n\n(.*)\n$" "\\2" license_text "${license}")
set(holder ${CMAKE_MATCH_1})
string(REPLACE "\n\n" "\n.\n" license_text "${license_text}")
string(REPLACE "\n" "\n " license_text "${license_text}")
file(CONFIGURE OUTPUT ${doc}/copyright CONTENT
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: indexkv

Files: *
Copyright: @holder@
License: Expat
 @license_text@
")
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(CONFIGURE OUTPUT ${doc}/changelog CONTENT
"indexkv (@PROJECT_VERSION@) unstable; urgency=medium

  * Release @PROJECT_VERSION@; CHANGELOG.md in the sources has the changes.

 -- @CPACK_PACKAGE_CONTACT@  @date@
")
find_program(GZIP_PROGRAM gzip REQUIRED)
execute_process(COMMAND ${GZIP_PROGRAM} -9nc ${doc}/changelog COMMAND_ERROR_IS_FATAL ANY
                OUTPUT_FILE ${doc}/changelog.gz)
foreach(component ${components})
  string(TOUPPER ${component} upper)
  install(FILES ${doc}/copyright ${doc}/changelog.gz COMPONENT ${component}
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
endforeach()

include(CPack)
