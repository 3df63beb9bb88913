/* low/low.h - the kernels of this plugin. */
#ifndef GGX_QUANT_LOW_H
#define GGX_QUANT_LOW_H

#include "../common/kernels.h"

GGX_DECLARE_KERNELS(q1_0)
GGX_DECLARE_KERNELS(q2_0)

#endif
