list(APPEND extra ${CMAKE_SOURCE_DIR}/plugins/vocabs/common/tokens.c ${CMAKE_SOURCE_DIR}/plugins/vocabs/common/added.c)
