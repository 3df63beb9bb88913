/* k/k.h - the kernels of this plugin, and the shape that its types share. */
#ifndef GGX_QUANT_K_H
#define GGX_QUANT_K_H

#include "../common/kernels.h"

#define SUPER 256 /* elements of a super-block, in sub-blocks of 16 or 32 whose scales are quantized in their turn */

GGX_DECLARE_KERNELS(q2_k)
GGX_DECLARE_KERNELS(q3_k)
GGX_DECLARE_KERNELS(q4_k)
GGX_DECLARE_KERNELS(q5_k)
GGX_DECLARE_KERNELS(q6_k)

#endif
