/* iq/iq.h - the kernels of this plugin, and what its types share. */
#ifndef GGX_QUANT_IQ_H
#define GGX_QUANT_IQ_H

#include "../common/kernels.h"

#define SUPER 256 /* elements of a super-block */

GGX_DECLARE_KERNELS(iq1_s)
GGX_DECLARE_KERNELS(iq1_m)
GGX_DECLARE_KERNELS(iq2_xxs)
GGX_DECLARE_KERNELS(iq2_xs)
GGX_DECLARE_KERNELS(iq2_s)
GGX_DECLARE_KERNELS(iq3_xxs)
GGX_DECLARE_KERNELS(iq3_s)
GGX_DECLARE_KERNELS(iq4_nl)
GGX_DECLARE_KERNELS(iq4_xs)

/* [pure] Scratch bytes for any number of columns. */
uint64_t ggx_scratch_iq1(uint64_t cols) GGX_NOEXCEPT;
uint64_t ggx_scratch_iq2_xxs(uint64_t cols) GGX_NOEXCEPT;
uint64_t ggx_scratch_iq2_xs(uint64_t cols) GGX_NOEXCEPT;
uint64_t ggx_scratch_iq2_s(uint64_t cols) GGX_NOEXCEPT;
uint64_t ggx_scratch_iq3_xxs(uint64_t cols) GGX_NOEXCEPT;
uint64_t ggx_scratch_iq3_s(uint64_t cols) GGX_NOEXCEPT;

#endif
