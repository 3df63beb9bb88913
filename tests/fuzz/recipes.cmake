# The room's own sources are compiled in, so that the fuzzer sees their branches.
if(GGX_FUZZ)
  file(GLOB extra CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/recipe/*.c ${CMAKE_SOURCE_DIR}/core/checkpoint/view.c)
endif()
