# The room's own sources are compiled in, so that the fuzzer sees their branches.
if(GGX_FUZZ)
  file(GLOB extra CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/recipe/*.c ${CMAKE_SOURCE_DIR}/core/checkpoint/view.c)
  if(GGX_PCRE2_LIBRARY) # a property of a source holds for one folder
    set_property(SOURCE ${CMAKE_SOURCE_DIR}/core/recipe/regex.c APPEND PROPERTY COMPILE_DEFINITIONS GGX_HAS_PCRE2=1)
  endif()
endif()
