# Tables with CRCs that are right are made from the input.
list(APPEND extra ${CMAKE_SOURCE_DIR}/tests/reader_tf/build.c)
