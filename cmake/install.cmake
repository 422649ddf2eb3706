# What `cmake --install` puts where: headers, library, command, man pages, pkg-config file.
# SPDX-License-Identifier: GPL-3.0-or-later
install(TARGETS ringscope LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
                          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS ringscope_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ringscope ${PROJECT_BINARY_DIR}/include/ringscope
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/CHANGELOG.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR}
        FILES_MATCHING PATTERN "*.md" PATTERN "*.json" PATTERN "man" EXCLUDE)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
        FILES_MATCHING PATTERN "*.1")
# The pkg-config file finds its prefix from where it lies, so that an installed tree can be moved.
cmake_path(SET RS_PC_TO_PREFIX "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
string(REGEX REPLACE "[^/]+" ".." RS_PC_TO_PREFIX "${RS_PC_TO_PREFIX}")
configure_file(cmake/ringscope.pc.in ringscope.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/ringscope.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
