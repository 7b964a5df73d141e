/* Eight numbers at a time, on every processor, and always added in one order. (Vectors are handed on
 * by address: where a processor has none so long, there is no other way that compilers agree on.) */
#ifndef INITLAB_VECTORS_H
#define INITLAB_VECTORS_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* One version for each width of vectors, of which the loader takes the best that the processor has:
 * with gcc for glibc. Elsewhere one version does, for what every processor of its kind has. */
#ifdef EVERY_PROCESSOR
#elif defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12
#define EVERY_PROCESSOR \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define EVERY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
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
INLINE void larger(Floats *most, const Floats *x)
{
    Ints more = *x > *most;
    *most = (Floats)(((Ints)*x & more) | ((Ints)*most & ~more));
}

/* 2^n, for -1023 < n < 1024. */
INLINE double power_of_two(int64_t n)
{
    const uint64_t bits = (uint64_t)(n + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* n of 2^(n-1) <= x < 2^n, as frexp has it; 0 of what has none, and of numbers below 2^-1022. */
INLINE int64_t exponent_of(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int64_t n = (bits >> 52) & 0x7ff;
    return n == 0 || n == 0x7ff ? 0 : n - 1022;
}

/* e^x of LANES numbers, in place, to 2 ulp; 0 below -708, inf above 709.
 *
 * e^x = 2^n e^r, x = n ln 2 + r, and the Taylor series of e^r: of |r| < .35 its 14th term is 4e-18. */
INLINE void exponential(double *x)
{
    double r[LANES], y[LANES];
    int64_t n[LANES];
    for (int l = 0; l < LANES; l++) {
        const double within = x[l] > -708 ? (x[l] < 709 ? x[l] : 709) : -708;
        const double whole = within * 1.4426950408889634 + 6755399441055744.0;  /* 1.5 * 2^52 */
        memcpy(&n[l], &whole, sizeof whole);
        const double count = whole - 6755399441055744.0;  /* rounded to an integer */
        r[l] = (within - count * 0.693147180369123816490) - count * 1.90821492927058770002e-10;
        y[l] = 1.0 / 6227020800;
    }
    static const double factorials[] = {479001600, 39916800, 3628800, 362880, 40320, 5040, 720,
                                        120, 24, 6, 2, 1, 1};
    for (int k = 0; k < 13; k++)
        for (int l = 0; l < LANES; l++)
            y[l] = y[l] * r[l] + 1.0 / factorials[k];
    for (int l = 0; l < LANES; l++) {
        const uint64_t bits = (uint64_t)(n[l] + 1023) << 52;
        double scale;
        memcpy(&scale, &bits, sizeof scale);
        const double found = y[l] * scale;
        x[l] = x[l] > 709 ? (double)INFINITY : x[l] >= -708 ? found : x[l] < -708 ? 0 : x[l];
    }
}

/* sum x, sum x^2, sum (x - mean)^2 of a block */
typedef struct {
    double total, squares, centred;
} Sums;

/* Fill in `centred`. Where the mean is nearly all of the squares, their difference would lose
 * digits, and it is summed about the mean; the residual mean is what rounding left of it.
 *
 *     sum (x - m)^2 = sum x^2 - (sum x)^2 / n,  for any first guess m
 */
INLINE void centre(Sums *s, const float *x, int64_t count, double least)
{
    s->centred = s->squares - s->total * s->total / (double)count;
    if (s->centred > least * s->squares || !(s->squares > 0) || !(s->squares <= DBL_MAX))
        return;
    const double mean = s->total / (double)count;
    Doubles totals = {0}, squares = {0};
    int64_t n = 0;
    for (; n + LANES <= count; n += LANES) {
        Floats v;
        load(&v, x + n, LANES);
        const Doubles d = DOUBLES(v) - mean;
        totals += d;
        squares += d * d;
    }
    double total = folded(&totals), square = folded(&squares);
    for (; n < count; n++) {
        const double d = x[n] - mean;
        total += d;
        square += d * d;
    }
    s->centred = square - total * total / (double)count;
}

#endif
