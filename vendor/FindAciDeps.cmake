# Debian's packages that we build on, as imported targets. Static archives where
# they start faster (facts: libcurl and OpenSSL stay shared, in their own module).

include(FindPackageHandleStandardArgs)

find_path(LUA54_INCLUDE lua.h PATH_SUFFIXES lua5.4)
find_library(LUA54_ARCHIVE liblua5.4.a)
find_library(CJSON54_ARCHIVE liblua5.4-cjson.a)
find_library(SQLITE_ARCHIVE libsqlite3.a)
find_path(SQLITE_INCLUDE sqlite3.h)
find_library(EXPAT_ARCHIVE libexpat.a)
find_path(EXPAT_INCLUDE expat.h)
find_library(EDIT_ARCHIVE libedit.a)
find_library(BSD_ARCHIVE libbsd.a)
find_library(MD_ARCHIVE libmd.a)
find_library(TINFO_ARCHIVE libtinfo.a)
find_library(CURL_SHARED libcurl.so)
find_library(SSL_SHARED libssl.so)
find_library(CRYPTO_SHARED libcrypto.so)
find_library(ZLIB_SHARED libz.so)
find_path(ZLIB_INCLUDE zlib.h)

find_package_handle_standard_args(AciDeps REQUIRED_VARS
  LUA54_INCLUDE LUA54_ARCHIVE CJSON54_ARCHIVE SQLITE_ARCHIVE SQLITE_INCLUDE EXPAT_ARCHIVE
  EXPAT_INCLUDE EDIT_ARCHIVE BSD_ARCHIVE MD_ARCHIVE TINFO_ARCHIVE CURL_SHARED SSL_SHARED
  CRYPTO_SHARED ZLIB_SHARED ZLIB_INCLUDE
  REASON_FAILURE_MESSAGE "run vendor/bootstrap, it installs them")

function(aci_dependency name include)
  add_library(AciDeps::${name} INTERFACE IMPORTED)
  if(include)
    target_include_directories(AciDeps::${name} SYSTEM INTERFACE ${include})
  endif()
  target_link_libraries(AciDeps::${name} INTERFACE ${ARGN})
endfunction()

aci_dependency(lua ${LUA54_INCLUDE})
# All of Lua's API must be in the program: C modules from elsewhere resolve against it.
aci_dependency(lua_whole ${LUA54_INCLUDE}
  -Wl,--whole-archive ${LUA54_ARCHIVE} -Wl,--no-whole-archive m dl)
aci_dependency(cjson "" ${CJSON54_ARCHIVE} m)
aci_dependency(sqlite ${SQLITE_INCLUDE} ${SQLITE_ARCHIVE} m dl)
aci_dependency(expat ${EXPAT_INCLUDE} ${EXPAT_ARCHIVE} m)
aci_dependency(edit "" ${EDIT_ARCHIVE} ${TINFO_ARCHIVE} ${BSD_ARCHIVE} ${MD_ARCHIVE})
aci_dependency(curl "" ${CURL_SHARED})
aci_dependency(openssl "" ${SSL_SHARED} ${CRYPTO_SHARED})
aci_dependency(zlib "" ${ZLIB_SHARED})
