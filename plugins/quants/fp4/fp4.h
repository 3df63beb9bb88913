/* fp4/fp4.h - the kernels of this plugin. */
#ifndef GGX_QUANT_FP4_H
#define GGX_QUANT_FP4_H

#include "../common/kernels.h"

GGX_DECLARE_KERNELS(mxfp4)
GGX_DECLARE_KERNELS(nvfp4)

#endif
