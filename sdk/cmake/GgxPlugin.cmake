# ggx_add_plugin(NAME SOURCES file… MANIFEST file.json [LIBS library…] [FLAGS flag…])
#
# Builds ggx-NAME.so as a plugin: one exported symbol, nothing undefined, ggx_sdk linked statically, the manifest beside it.
# The target is NAME with '-' turned to '_'. The same function serves plugins in ggx's tree and, through find_package(ggx),
# plugins of others. It is installed to GGX_PLUGIN_INSTALL_DIR, by default lib/ggx below the prefix as GNUInstallDirs names it.

set(GGX_PLUGIN_MAP ${CMAKE_CURRENT_LIST_DIR}/ggx_plugin.map)

function(ggx_add_plugin name)
  cmake_parse_arguments(P "" "MANIFEST" "SOURCES;LIBS;FLAGS" ${ARGN})
  if(P_UNPARSED_ARGUMENTS OR NOT P_SOURCES OR NOT P_MANIFEST)
    message(FATAL_ERROR "ggx_add_plugin(${name}): wants SOURCES and MANIFEST, and understands LIBS and FLAGS besides")
  endif()
  string(REPLACE "-" "_" target ${name})
  add_library(${target} MODULE ${P_SOURCES})
  set_target_properties(${target} PROPERTIES PREFIX "" SUFFIX ".so" OUTPUT_NAME ggx-${name} C_VISIBILITY_PRESET hidden
                                             CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  # Visibility alone would leave the symbols of C++ templates and of static libraries; the version script leaves exactly one.
  target_link_options(${target} PRIVATE -Wl,--version-script=${GGX_PLUGIN_MAP})
  if(NOT GGX_SANITIZE) # the sanitizers' own symbols come from the host process
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  target_compile_options(${target} PRIVATE ${P_FLAGS})
  target_link_libraries(${target} PRIVATE ggx::sdk ${P_LIBS})
  if(TARGET ggx_flags)
    target_link_libraries(${target} PRIVATE ggx_flags)
  elseif(GGX_SANITIZE) # out of ggx's tree: -DGGX_SANITIZE=address
    target_compile_options(${target} PRIVATE -fsanitize=${GGX_SANITIZE} -fno-omit-frame-pointer -g)
    target_link_options(${target} PRIVATE -fsanitize=${GGX_SANITIZE})
  endif()
  if(GGX_PLUGIN_OUTPUT)
    set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${GGX_PLUGIN_OUTPUT})
  endif()
  get_filename_component(manifest ${P_MANIFEST} ABSOLUTE)
  set(folder $<TARGET_FILE_DIR:${target}>)
  # ggx refuses plugins that group or others may write to, and a umask of 002 would leave that right.
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E copy_if_different ${manifest} ${folder}/ggx-${name}.json
    COMMAND chmod go-w ${folder} ${folder}/ggx-${name}.json $<TARGET_FILE:${target}>
    VERBATIM)
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${manifest} ${GGX_PLUGIN_MAP})
  if(NOT GGX_PLUGIN_INSTALL_DIR)
    include(GNUInstallDirs)
    set(GGX_PLUGIN_INSTALL_DIR ${CMAKE_INSTALL_LIBDIR}/ggx)
  endif()
  install(DIRECTORY DESTINATION ${GGX_PLUGIN_INSTALL_DIR} COMPONENT ggx-${name}
          DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  install(TARGETS ${target} LIBRARY DESTINATION ${GGX_PLUGIN_INSTALL_DIR} COMPONENT ggx-${name})
  install(FILES ${manifest} DESTINATION ${GGX_PLUGIN_INSTALL_DIR} RENAME ggx-${name}.json COMPONENT ggx-${name})
endfunction()
