# kernels_portable: portable C for the blocks that kernels do not take, without any plugin's flags. One for all kernels plugins.
if(NOT TARGET kernels_portable)
  set(quants ${CMAKE_CURRENT_LIST_DIR}/../../quants)
  add_library(kernels_portable STATIC ${quants}/common/search.c ${quants}/k/affine.c ${quants}/k/symmetric.c
    ${quants}/legacy/affine.c ${quants}/legacy/symmetric.c
    ${quants}/fp4/fp4.c ${quants}/iq/iq4.c ${quants}/low/low.c ${quants}/ternary/ternary.c)
  target_link_libraries(kernels_portable PRIVATE ggx_flags)
endif()
