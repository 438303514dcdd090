# What `cmake --install` puts where, and the Debian package that CPack makes of it:
#   cmake --preset release && cmake --build --preset release
#   cmake --install build/release --prefix /usr/local
#   cpack --config build/release/CPackConfig.cmake     # build/release/ipsecd_VERSION_ARCH.deb
include(GNUInstallDirs)

# Where the daemon looks, whatever the prefix is.
set(IPSEC_SYSCONFDIR /etc CACHE PATH "Where configuration and the init script go")
set(_boot ${CMAKE_CURRENT_SOURCE_DIR}/scripts)
set(_libexec lib/ipsecd)

foreach(program ipsecd ipsecctl)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
  endif()
endforeach()
# What shells ask, as cli/CMakeLists.txt has the program make it. Each place is the one its shell
# looks into below any prefix; Debian's zsh has a name of its own for packages.
if(TARGET ipsecctl AND NOT CMAKE_CROSSCOMPILING)
  set(_completions ${CMAKE_BINARY_DIR}/completions)
  install(FILES ${_completions}/ipsecctl
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${_completions}/ipsecctl.fish
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  install(CODE "
    set(functions site-functions)
    if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
      set(functions vendor-completions)
    endif()
    file(INSTALL ${_completions}/_ipsecctl
      DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/zsh/\${functions}\")")
endif()
file(GLOB _manuals CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/docs/man/*.[58])
foreach(page IN LISTS _manuals)
  string(REGEX MATCH "[58]$" section ${page})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(PROGRAMS ${_boot}/ipsecd-modules DESTINATION ${_libexec} RENAME load-modules)
install(PROGRAMS ${_boot}/route-exec-rest DESTINATION ${_libexec})
install(FILES ${_boot}/ipsecd.toml DESTINATION ${IPSEC_SYSCONFDIR}/ipsecd)
install(DIRECTORY DESTINATION ${IPSEC_SYSCONFDIR}/ipsecd/conf.d
  DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
install(FILES ${_boot}/ipsecd.default DESTINATION ${IPSEC_SYSCONFDIR}/default RENAME ipsecd)
install(FILES ${_boot}/ipsecd.logrotate DESTINATION ${IPSEC_SYSCONFDIR}/logrotate.d RENAME ipsecd)
install(FILES docs/route-exec.md ${_boot}/bird-ipsecd.conf DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/ipsecd)
install(FILES CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/ipsecd)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/ipsecd RENAME copyright)

# Both name programs by their whole path, which is known only when the prefix is: at installation.
set(_made ${CMAKE_CURRENT_BINARY_DIR}/install)
install(CODE "
  set(SBINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SBINDIR}\")
  set(LIBEXECDIR \"\${CMAKE_INSTALL_PREFIX}/lib\")
  set(SYSCONFDIR \"${IPSEC_SYSCONFDIR}\")
  configure_file(${_boot}/ipsecd.service.in ${_made}/ipsecd.service @ONLY)
  configure_file(${_boot}/ipsecd.init.in ${_made}/ipsecd @ONLY)")
# Not below LIBDIR, which names the machine.
install(FILES ${_made}/ipsecd.service DESTINATION lib/systemd/system)
install(PROGRAMS ${_made}/ipsecd DESTINATION ${IPSEC_SYSCONFDIR}/init.d)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR})
set(CPACK_PACKAGE_NAME ipsecd)
set(CPACK_PACKAGE_VENDOR "The ipsec-gateway maintainers")
set(CPACK_PACKAGE_CONTACT "The ipsec-gateway maintainers <maintainers@ipsec-gateway.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "IPsec VPN gateway for private clouds")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Joins the subnets of a virtual private cloud with other networks through
IPsec tunnels. The daemon ipsecd negotiates them by IKE, the kernel carries
the packets. The command line ipsecctl configures, shows and explains.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
  "passwd, init-system-helpers (>= 1.51), sysvinit-utils (>= 3.05-4~) | lsb-base")
# ipsecctl loads it by name, which dpkg-shlibdeps does not see.
if(TARGET ipsecctl)
  string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", libxlsxwriter4")
endif()
if(CMAKE_CROSSCOMPILING)
  # dpkg-shlibdeps would ask this machine's packages: here what it finds on one of that kind.
  string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", libc6 (>= 2.34), libcap-ng0 (>= 0.7.9), libfmt9, "
    "libgcc-s1 (>= 3.4), libmnl0 (>= 1.0.4-1~), libnl-3-200 (>= 3.2.7), "
    "libsqlite3-0 (>= 3.8.7), libssl3 (>= 3.0.0), "
    "libstdc++6 (>= 12), libtomlplusplus3 (>= 3.2.0)")
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
else()
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
endif()
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "kmod, iproute2")
# The example of a route program is in Python.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "logrotate, python3")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${_boot}/packaging/conffiles ${_boot}/packaging/postinst ${_boot}/packaging/prerm
  ${_boot}/packaging/postrm)
set(CPACK_STRIP_FILES ON)
# There are files outside of the prefix: below /etc.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
include(CPack)
