find_package(ZLIB REQUIRED)
set(libs ZLIB::ZLIB)
