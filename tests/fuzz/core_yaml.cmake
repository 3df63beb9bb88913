# The file's own source is compiled in, so that the fuzzer sees its branches.
if(GGX_FUZZ)
  file(GLOB extra CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/base/yaml*.c)
endif()
