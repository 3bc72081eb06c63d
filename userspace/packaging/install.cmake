# SPDX-License-Identifier: MIT
# What "make install" puts where. The components are the packages of debian.cmake.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(SPAWNTPL_ZSH_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING
  "Where zsh's completion goes")
set(SPAWNTPL_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/spawntpl)

# --- library ------------------------------------------------------------------
install(TARGETS spawntpl EXPORT spawntpl
  LIBRARY COMPONENT library NAMELINK_COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS spawntpl_static EXPORT spawntpl
  ARCHIVE COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# Beside it, where it looks for it.
install(TARGETS spawntpl_warm
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/spawntpl COMPONENT library)

# --- development --------------------------------------------------------------
install(DIRECTORY include/spawntpl TYPE INCLUDE COMPONENT development)

install(EXPORT spawntpl NAMESPACE spawntpl:: DESTINATION ${SPAWNTPL_CMAKE_DIR}
  FILE spawntpl-targets.cmake COMPONENT development)
configure_package_config_file(packaging/spawntpl-config.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/spawntpl-config.cmake
  INSTALL_DESTINATION ${SPAWNTPL_CMAKE_DIR})
# Before 1.0 a minor version may change the C++ API.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/spawntpl-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/spawntpl-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/spawntpl-config-version.cmake
  DESTINATION ${SPAWNTPL_CMAKE_DIR} COMPONENT development)

# It names the prefix, which can be chosen as late as at the installation.
install(CODE "
  set(libdir \"${CMAKE_INSTALL_LIBDIR}\")
  set(includedir \"${CMAKE_INSTALL_INCLUDEDIR}\")
  set(version \"${PROJECT_VERSION}\")
  set(file \"\${CMAKE_INSTALL_PREFIX}/\${libdir}/pkgconfig/spawntpl.pc\")
  message(STATUS \"Installing: \$ENV{DESTDIR}\${file}\")
  configure_file(\"${CMAKE_CURRENT_SOURCE_DIR}/packaging/spawntpl.pc.in\"
    \"\$ENV{DESTDIR}\${file}\" @ONLY)"
  COMPONENT development)

# --- command ------------------------------------------------------------------
install(TARGETS spawntpl_command COMPONENT command)
# Where bench/programs.cpp looks for them.
install(TARGETS payload_exit0 payload_exec-loop payload_hello payload_hello-static
  payload_fork-server
  DESTINATION libexec/spawntpl COMPONENT command)
install(FILES bench/asked_by_benchmark.py bench/call_by_subprocess.py bench/start_by_subprocess.py
  DESTINATION libexec/spawntpl COMPONENT command)
install(FILES completions/spawntpl.bash RENAME spawntpl
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT command)
install(FILES completions/_spawntpl DESTINATION ${SPAWNTPL_ZSH_DIR} COMPONENT command)

# --- manual -------------------------------------------------------------------
file(GLOB pages CONFIGURE_DEPENDS man/*.1 man/*.3 man/*.7)
foreach(page IN LISTS pages)
  cmake_path(GET page EXTENSION LAST_ONLY section)
  string(SUBSTRING ${section} 1 -1 section)
  if(section EQUAL 1)
    set(component command)
  else()
    set(component development)
  endif()
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section}
    COMPONENT ${component})

  # A page is found by each name of its NAME section.
  cmake_path(GET page STEM LAST_ONLY title)
  file(STRINGS ${page} names REGEX "^spawntpl_[a-z_0-9, ]+")
  list(TRANSFORM names REPLACE "\\\\-.*$" "")
  string(REGEX MATCHALL "spawntpl_[a-z_0-9]+" names "${names}")
  list(REMOVE_ITEM names ${title})
  if(section EQUAL 3)
    foreach(name IN LISTS names)
      set(link ${CMAKE_CURRENT_BINARY_DIR}/man/${name}.3)
      file(CONFIGURE OUTPUT ${link} CONTENT ".so man3/${title}.3\n")
      install(FILES ${link} DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT development)
    endforeach()
  endif()
endforeach()
