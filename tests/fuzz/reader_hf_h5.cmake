find_package(ZLIB REQUIRED)
list(APPEND libs ZLIB::ZLIB)
