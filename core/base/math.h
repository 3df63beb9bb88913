/* core/base/math.h - exp, log and pow that give the same bytes on every machine.
 *
 * The C library's differ from version to version and from CPU to CPU (some use fused multiply-add), and what recipes compute ends up in
 * output files. These use IEEE addition, multiplication and division alone. Special values are those of C's Annex F, but a NaN
 * argument comes back with its own bits and a new NaN is the positive quiet one. All [pure]. */
#ifndef GGX_CORE_MATH_H
#define GGX_CORE_MATH_H

/* Rounded correctly but for cases closer than 2^-40 ulp to a tie; results below 2^-1022 within 1 ulp. */
double ggx_exp(double x);
double ggx_log(double x);
double ggx_pow(double x, double y);

/* Rounded correctly for every float. */
float ggx_expf(float x);

#endif
