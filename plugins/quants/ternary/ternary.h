/* ternary/ternary.h - the kernels of this plugin. */
#ifndef GGX_QUANT_TERNARY_H
#define GGX_QUANT_TERNARY_H

#include "../common/kernels.h"

GGX_DECLARE_KERNELS(tq1_0)
GGX_DECLARE_KERNELS(tq2_0)

#endif
