# SPDX-License-Identifier: MIT
# The Debian packages that "make deb" makes, one of each component of install.cmake.
set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL library development command)
# The prefix is that of the configuration, and known to what is installed.
set(CPACK_SET_DESTDIR ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "spawntpl developers <spawntpl@localhost>")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
# What the programs need is read from them, and from each other.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_LIBRARY_OUTPUT_DIRECTORY})
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)

function(debian_package component name section summary description)
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name} PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section} PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${summary}\n${description}" PARENT_SCOPE)
  install(FILES ../LICENSES/MIT.txt RENAME copyright
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} COMPONENT ${component})
endfunction()

debian_package(library libspawntpl${PROJECT_VERSION_MAJOR} libs
  "prepare a program once, start it many times"
  "A process library for Linux: a start reports the step that failed, passes on
no descriptor by accident and costs the same whatever its caller has open.
This package has the shared library.")
debian_package(development libspawntpl-dev libdevel
  "prepare a program once, start it many times (development)"
  "Headers for C and C++, the static library, the files of pkg-config and CMake,
and the manual pages of libspawntpl.")
debian_package(command spawntpl utils
  "start programs through spawn templates"
  "Runs programs, measures ways of starting them and shows what this system
offers for it.")
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS library)
# The static library needs it.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS liburing-dev)
set(CPACK_COMPONENT_COMMAND_DEPENDS library)

include(CPack)
