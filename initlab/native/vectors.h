/* Eight numbers at a time, on every processor, and always added in one order. */
#ifndef INITLAB_VECTORS_H
#define INITLAB_VECTORS_H

#include <stdint.h>
#include <string.h>

/* One version for each width of vectors; the loader takes the processor's best. */
#if defined(__x86_64__) && defined(__GLIBC__)
#define EVERY_PROCESSOR \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define EVERY_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

#define LANES 8
typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));
typedef double Doubles __attribute__((vector_size(8 * LANES)));

#define DOUBLES(v) __builtin_convertvector(v, Doubles)
#define ABSOLUTE(v) ((Floats)((Ints)(v) & 0x7fffffff))
#define PADDED(n) (((n) + LANES - 1) / LANES * LANES)

/* The next numbers of a row of which so many are left; zeros beyond its end. */
INLINE void load(Floats *v, const float *x, int64_t left)
{
    if (left >= LANES) {
        memcpy(v, x, sizeof *v);
    } else {
        memset(v, 0, sizeof *v);
        memcpy(v, x, (size_t)left * sizeof *x);
    }
}

INLINE double folded(const Doubles *x)
{
    double a[LANES];
    memcpy(a, x, sizeof a);
    return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

/* Larger of each; nan is not. */
INLINE void larger(Floats *most, Floats x)
{
    Ints more = x > *most;
    *most = (Floats)(((Ints)x & more) | ((Ints)*most & ~more));
}

#endif
