/* legacy/legacy.h - the kernels of this plugin, one quantize/dequantize pair a type; the table of them is in plugin.c. */
#ifndef GGX_QUANT_LEGACY_H
#define GGX_QUANT_LEGACY_H

#include "../common/kernels.h"

GGX_DECLARE_KERNELS(f64)
GGX_DECLARE_KERNELS(f16)
GGX_DECLARE_KERNELS(bf16)
GGX_DECLARE_KERNELS(q4_0)
GGX_DECLARE_KERNELS(q4_1)
GGX_DECLARE_KERNELS(q5_0)
GGX_DECLARE_KERNELS(q5_1)
GGX_DECLARE_KERNELS(q8_0)

#endif
