/* ggx_sdk/ggml_types.h - ggml's tensor types: number, name and block of each. Header-only.
 *
 * Numbers are those of `enum ggml_type`, as GGUF and GGML .bin store them; blocks are those of ggml's type_traits (ggml, MIT
 * licence: src/ggml.c, src/ggml-common.h). Names are ggml's in lower case. Numbers that ggml has withdrawn (4, 5, 31-33, 36-38) have
 * no row, so a file that holds them is refused. */
#ifndef GGX_SDK_GGML_TYPES_H
#define GGX_SDK_GGML_TYPES_H

#include "checked.h"

typedef struct ggx_ggml_type {
    int32_t code; /* enum ggml_type */
    char name[16];
    uint16_t block_elems, block_bytes;
} ggx_ggml_type;

/* In rising order of `code`. */
static const ggx_ggml_type ggx_ggml_types[] = {
    {0, "f32", 1, 4},         {1, "f16", 1, 2},         {2, "q4_0", 32, 18},      {3, "q4_1", 32, 20},
    {6, "q5_0", 32, 22},      {7, "q5_1", 32, 24},      {8, "q8_0", 32, 34},      {9, "q8_1", 32, 36},
    {10, "q2_k", 256, 84},    {11, "q3_k", 256, 110},   {12, "q4_k", 256, 144},   {13, "q5_k", 256, 176},
    {14, "q6_k", 256, 210},   {15, "q8_k", 256, 292},   {16, "iq2_xxs", 256, 66}, {17, "iq2_xs", 256, 74},
    {18, "iq3_xxs", 256, 98}, {19, "iq1_s", 256, 50},   {20, "iq4_nl", 32, 18},   {21, "iq3_s", 256, 110},
    {22, "iq2_s", 256, 82},   {23, "iq4_xs", 256, 136}, {24, "i8", 1, 1},         {25, "i16", 1, 2},
    {26, "i32", 1, 4},        {27, "i64", 1, 8},        {28, "f64", 1, 8},        {29, "iq1_m", 256, 56},
    {30, "bf16", 1, 2},       {34, "tq1_0", 256, 54},   {35, "tq2_0", 256, 66},   {39, "mxfp4", 32, 17},
    {40, "nvfp4", 64, 36},    {41, "q1_0", 128, 18},    {42, "q2_0", 64, 18},
};
#define GGX_GGML_TYPE_COUNT (sizeof ggx_ggml_types / sizeof ggx_ggml_types[0])

/* The row with that number, or NULL. */
static inline const ggx_ggml_type *ggx_ggml_type_by_code(int64_t code)
{
    for (size_t i = 0; i < GGX_GGML_TYPE_COUNT; i++)
        if (ggx_ggml_types[i].code == code) return &ggx_ggml_types[i];
    return NULL;
}

/* The row with that name, or NULL. */
static inline const ggx_ggml_type *ggx_ggml_type_by_name(const char *name)
{
    for (size_t i = 0; i < GGX_GGML_TYPE_COUNT; i++)
        if (!strcmp(ggx_ggml_types[i].name, name)) return &ggx_ggml_types[i];
    return NULL;
}

/* The element type that a row stands for. */
static inline ggx_type ggx_ggml_type_make(const ggx_ggml_type *row)
{
    return ggx_type_make(row->name, row->block_elems, row->block_bytes);
}

#endif
