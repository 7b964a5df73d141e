/* One layer of random networks that are drawn without their weights, as theory/layers.py has it with
 * torch: all steps of a network while its Gram matrix is in the processor's cache.
 *
 * Letters: B samples, M neurons drawn. Arrays are in C's order, a network after the other:
 * matrices (B, B), numbers of neurons (M, B).
 */
#include <math.h>

#include "vectors.h"

#define MOST_BATCH 64
#ifndef USUAL_BATCH
#define USUAL_BATCH 16  /* for which there is code of its own, of loops whose ends are known */
#endif
#define NEURONS 8  /* at a time */
#define LN_2 0.6931471805599453
#define JITTER 1e-12
#define ALIKE 1e-11
#define CANCELLED 1e-8
#define TERMS 6  /* of the series in c */

/* L of L L^T = c, in place, column by column: c[i + column * rows]; nan if c is not positive
 * definite.
 *
 * By L D L^T, as roots can be taken of all pivots at once. */
INLINE void factorised(double *c, int64_t batch, int64_t rows)
{
    double root[MOST_BATCH], scaled[MOST_BATCH];
    for (int64_t k = 0; k < batch; k++) {
        const double *column = c + k * rows, inverse = 1 / column[k];
        for (int64_t i = k / LANES * LANES; i < rows; i += LANES) {
            Doubles below, other;
            memcpy(&below, column + i, sizeof below);
            const Doubles part = below * inverse;
            memcpy(scaled + i, &part, sizeof part);
            const int64_t last = i + LANES < batch ? i + LANES : batch;
            for (int64_t j = k + 1; j < last; j++) {
                memcpy(&other, c + j * rows + i, sizeof other);
                other -= below * scaled[j];
                memcpy(c + j * rows + i, &other, sizeof other);
            }
        }
    }
    int definite = 1;
    for (int64_t k = 0; k < batch; k++) {
        root[k] = c[k + k * rows];
        definite &= root[k] > 0;
    }
    for (int64_t k = 0; k < batch; k++)
        root[k] = definite ? 1 / sqrt(root[k]) : NAN;
    for (int64_t k = 0; k < batch; k++)
        for (int64_t i = k / LANES * LANES; i < rows; i++)  /* whole vectors */
            c[i + k * rows] *= root[k];
}

/* z = L u of every neuron; column j of L at factor + j * rows. */
INLINE void multiplied(const float *factor, int64_t rows, const float *normal, int64_t batch,
                       int64_t neurons, float *z)
{
    if (batch == 1) {
        for (int64_t m = 0; m < neurons; m++)
            z[m] = factor[0] * normal[m];
        return;
    }
    for (int64_t m = 0; m < neurons; m += NEURONS) {
        for (int64_t i = 0; i < batch; i += LANES) {
            const int64_t last = i + LANES < batch ? i + LANES : batch;  /* L is triangular */
            Floats sums[NEURONS] = {{0}};
            for (int64_t j = 0; j < last; j++) {
                Floats column;
                memcpy(&column, factor + j * rows + i, sizeof column);
                for (int64_t n = 0; n < NEURONS; n++)
                    sums[n] += column * normal[(m + n < neurons ? m + n : m) * batch + j];
            }
            for (int64_t n = 0; n < NEURONS && m + n < neurons; n++)
                memcpy(z + (m + n) * batch + i, &sums[n], (size_t)(last - i) * sizeof *z);
        }
    }
}

/* Pre-activations of every network, z = L u with L L^T = K, K = weights G + biases.
 *
 *   gram     (R, B, B)   G of the inputs; `weights` and `biases`, (R,), make K of it
 *   scale    1           multiplies K; unit (R,): 2^u, which multiplies z
 *   normal   (R, M, B)   standard normal numbers u
 *   c        (R, B, B)   out: correlations; q (R, B): scale diag K; z (R, M, B)
 */
typedef struct {
    const double *gram, *weights, *biases;
    double scale;
    const double *unit;
    const float *normal;
    double *c, *q;
    float *z;
} Before;

INLINE void pre_activations(const Before *k, int64_t r, int64_t batch, int64_t neurons)
{
    const int64_t rows = PADDED(batch);
    double factor[MOST_BATCH * MOST_BATCH], norm[MOST_BATCH], size[MOST_BATCH] = {0};
    float narrow[MOST_BATCH * MOST_BATCH];
    const double *restrict g = k->gram + r * batch * batch, weights = k->weights[r],
                          biases = k->biases[r];
    double *restrict c = k->c + r * batch * batch, *restrict q = k->q + r * batch;
    for (int64_t i = 0; i < batch; i++)
        q[i] = g[i * batch + i] * weights + biases;
    const double to_z = sqrt(k->scale) * k->unit[r];
    for (int64_t i = 0; i < batch; i++) {
        const double deviation = sqrt(q[i]), inverse = 1 / deviation;
        norm[i] = q[i] == 0 ? 0 : inverse;
        size[i] = deviation * to_z;
        q[i] *= k->scale;
    }
    memset(factor, 0, (size_t)(rows * rows) * sizeof *factor);
    for (int64_t i = 0; i < batch; i++) {
        const double weight = weights * norm[i], bias = biases * norm[i];
        for (int64_t j = 0; j < batch; j++)
            c[i * batch + j] = factor[i * rows + j] = (g[i * batch + j] * weight + bias) * norm[j];
        /* singular where samples are alike; its rounding is made good on the diagonal */
        c[i * batch + i] = factor[i * rows + i] = 1 + JITTER;
    }
    factorised(factor, batch, rows);
    for (int64_t j = 0; j < batch; j++) {
        for (int64_t i = 0; i < rows; i++)
            narrow[j * rows + i] = (float)(factor[j * rows + i] * size[i]);
        for (int64_t i = j / LANES * LANES; i < j; i++)  /* blocks above are not read */
            narrow[j * rows + i] = 0;
    }
    multiplied(narrow, rows, k->normal + r * neurons * batch, batch, neurons,
               k->z + r * neurons * batch);
}

EVERY_PROCESSOR
void initlab_pre_activations(int64_t networks, int64_t batch, int64_t neurons, const double *gram,
                             const double *weights, const double *biases, double scale,
                             const double *unit, const float *normal, double *c, double *q,
                             float *z)
{
    const Before k = {gram, weights, biases, scale, unit, normal, c, q, z};
    for (int64_t r = 0; r < networks; r++) {
        if (batch == USUAL_BATCH)
            pre_activations(&k, r, USUAL_BATCH, neurons);
        else
            pre_activations(&k, r, batch, neurons);
    }
}

/* What theory expects of an activation: tables over ln q, and a series in c of every network. */
typedef struct {
    const double *value, *rise;  /* (3, entries): ln V, ln Var, E / rms; and by how much each rises */
    int64_t entries;
    double low, high, steps;     /* ln q of the first entry and of the end, entries for 1 of ln q */
    const double *series;        /* (TERMS, networks): of c, c^2, c^3, c^4, c^5 and c^21 */
} Expected;

typedef struct {
    double variance;   /* centred, over neurons and samples */
    double unknown;    /* 1 where theory expects nothing of neurons that are */
    double largest;    /* max |h| */
    double exponent;   /* all in units of 2^exponent */
    double distinct;   /* 1 where samples are not alike */
} Layer;

/* h h^T, from rows of neurons, each padded with zeros. */
INLINE void gram_of(const double *wide, int64_t neurons, int64_t rows, int64_t batch, double *gram)
{
    for (int64_t j = 0; j < rows; j += LANES) {
        for (int64_t i = j; i < batch; i += LANES) {  /* the lower half, by blocks */
            Doubles sums[LANES] = {{0}};
            for (int64_t m = 0; m < neurons; m++) {
                Doubles h;
                memcpy(&h, wide + m * rows + j, sizeof h);
                for (int k = 0; k < LANES; k++)
                    sums[k] += h * wide[m * rows + i + k];
            }
            for (int64_t k = 0; k < LANES && i + k < batch; k++)
                for (int64_t l = 0; l < LANES && j + l < batch; l++)
                    gram[(i + k) * batch + j + l] = gram[(j + l) * batch + i + k] = sums[k][l];
        }
    }
}

/* The lengths that theory expects of samples whose z have variances of these logarithms; of PADDED
 * rows, of which the last may hold anything. */
INLINE void lengths(const Expected *e, const double *ln_q, int64_t batch, double ln_unit,
                    double *mean, double *deviation)
{
    double ratio[MOST_BATCH];
    const double last = e->high - 1 / e->steps;
    for (int64_t i = 0; i < batch; i++) {
        const double within = ln_q[i] > e->low ? (ln_q[i] < last ? ln_q[i] : last) : e->low;
        const int64_t step = (int64_t)((within - e->low) * e->steps);
        const double share = (ln_q[i] - e->low) * e->steps - (double)step;  /* nan of nan */
        const double *value = e->value + step, *rise = e->rise + step;
        const int64_t next = e->entries;  /* column */
        mean[i] = (value[0] + share * rise[0]) / 2 - ln_unit;
        deviation[i] = (value[next] + share * rise[next]) / 2 - ln_unit;
        ratio[i] = value[2 * next] + share * rise[2 * next];
    }
    for (int64_t i = 0; i < batch; i += LANES) {
        exponential(mean + i);
        exponential(deviation + i);
    }
    for (int64_t i = 0; i < batch; i++)
        mean[i] *= ratio[i];
}

/* The largest of so many activations; nan if one of them is, but for infinite ones. */
INLINE double largest_of(const float *h, int64_t count)
{
    Floats most = {0}, nans = {0};
    for (int64_t n = 0; n < count; n += LANES) {
        Floats v;
        load(&v, h + n, count - n);
        nans += v - v;  /* nan of inf, too */
        v = ABSOLUTE(v);
        larger(&most, &v);
    }
    double largest = 0, nan = 0;
    for (int l = 0; l < LANES; l++) {
        largest = most[l] > largest ? most[l] : largest;
        nan += nans[l];
    }
    return isnan(nan) && !isinf(largest) ? NAN : largest;
}

/* Of the neurons drawn: sums of their activations, and sum h h^T in `gram`. */
INLINE Sums summed(const float *h, int64_t batch, int64_t neurons, double *work, double *gram)
{
    const int64_t rows = PADDED(batch), count = neurons * batch;
    Doubles totals = {0}, squares = {0};
    for (int64_t n = 0; n < count; n += LANES) {
        Floats v;
        load(&v, h + n, count - n);
        const Doubles x = DOUBLES(v);
        totals += x;
        squares += x * x;
    }
    Sums s = {folded(&totals), folded(&squares), 0};
    centre(&s, h, count, CANCELLED);
    if (batch == 1) {
        gram[0] = s.squares;
        return s;
    }
    for (int64_t m = 0; m < neurons; m++)
        for (int64_t i = 0; i < rows; i += LANES) {
            Floats v;
            load(&v, h + m * batch + i, batch - i);
            const Doubles wide = DOUBLES(v);
            memcpy(work + m * rows + i, &wide, sizeof wide);
        }
    gram_of(work, neurons, rows, batch, gram);
    return s;
}

/* A layer of which all neurons are known by some: G = (1 - s) E G + s G_M, and the variance of
 * neurons of mean E_M and variance V_M,
 *
 *   of the mean square (1 - s) V + s V_M, the square of the mean E + s (E_M - E) is taken off
 */
INLINE void widened(Layer *layer, double *gram, const double *c, const double *series,
                    const double *mean, const double *deviation, int64_t batch, double share,
                    double scale, double mean_drawn)
{
    double expected_mean = 0, expected = 0;
    for (int64_t i = 0; i < batch; i++)
        expected_mean += mean[i];
    expected_mean /= (double)batch;
    for (int64_t i = 0; i < batch; i++) {
        const double off = mean[i] - expected_mean;
        expected += deviation[i] * deviation[i] + off * off;
    }
    expected /= (double)batch;
    const double old = share * scale, new = 1 - share, *s = series;
    for (int64_t i = 0; i < batch; i++) {
        for (int64_t j = 0; j < batch; j++) {
            const double x = c[i * batch + j];
            const double x2 = x * x, x4 = x2 * x2, x8 = x4 * x4, x16 = x8 * x8;
            const double far = s[4] + s[5] * x16;
            const double cosine = x * (s[0] + x * (s[1] + x * (s[2] + x * (s[3] + x * far))));
            const double whole = deviation[i] * deviation[j] * cosine + mean[i] * mean[j];
            gram[i * batch + j] = new * whole + old * gram[i * batch + j];
        }
    }
    const double off = mean_drawn - expected_mean, drawn = layer->variance;
    layer->unknown = isnan(expected) && !isnan(drawn);
    layer->variance = expected + share * (drawn - expected) + share * (1 - share) * off * off;
}

/* Whether samples differ: mean_b |h_b - mean h|^2 = mean_b |h_b|^2 - |mean_b h_b|^2. */
INLINE int distinct(const double *gram, int64_t batch)
{
    double trace = 0;
    Doubles sums = {0};
    for (int64_t i = 0; i < batch; i++)
        trace += gram[i * batch + i];
    int64_t n = 0;
    for (; n + LANES <= batch * batch; n += LANES) {
        Doubles part;
        memcpy(&part, gram + n, sizeof part);
        sums += part;
    }
    double all = folded(&sums);
    for (; n < batch * batch; n++)
        all += gram[n];
    const double square = trace / (double)batch;
    return square - all / (double)(batch * batch) > ALIKE * square;
}

/* Layers of networks from the activations of some of their neurons.
 *
 *   h        (R, M, B)    activations
 *   share    sqrt(M / n') of the M neurons drawn of n'; 1 where all are, and nothing is expected
 *   reach    by how much the largest of all neurons exceeds the largest of those drawn
 *   c, ln_q  (R, B, B), (R, B)  correlations of z and ln of its variances
 *   work     memory for M * B numbers, B rounded up to LANES
 *   gram     (R, B, B)    out: G, in units of 4^exponent
 */
typedef struct {
    const float *h;
    double share, reach;
    const double *c, *ln_q;
    const Expected *expected;
    double *work, *gram;
    Layer *found;
} After;

INLINE void layer_of(const After *a, int64_t networks, int64_t r, int64_t batch, int64_t neurons)
{
    const int64_t count = neurons * batch;
    const float *h = a->h + r * count;
    double *gram = a->gram + r * batch * batch;
    const Sums s = summed(h, batch, neurons, a->work, gram);
    const double largest = largest_of(h, count);
    const int64_t exponent = exponent_of(largest);
    const double unit = power_of_two(-exponent), scale = unit * unit / (double)neurons;
    Layer layer = {.variance = s.centred / (double)count * unit * unit,
                   .largest = largest * unit, .exponent = (double)exponent};
    if (a->share == 1 || layer.variance == 0) {  /* one number stays one, whatever is expected */
        for (int64_t i = 0; i < batch * batch; i++)
            gram[i] *= scale;
    } else {
        double mean[MOST_BATCH] = {0}, deviation[MOST_BATCH] = {0}, series[TERMS];
        lengths(a->expected, a->ln_q + r * batch, batch, LN_2 * (double)exponent, mean, deviation);
        for (int64_t term = 0; term < TERMS; term++)
            series[term] = a->expected->series[term * networks + r];
        widened(&layer, gram, a->c + r * batch * batch, series, mean, deviation, batch, a->share,
                scale, s.total / (double)count * unit);
    }
    if (a->share != 1)
        layer.largest *= a->reach;
    layer.distinct = distinct(gram, batch);
    a->found[r] = layer;
}

EVERY_PROCESSOR
void initlab_layers(int64_t networks, int64_t batch, int64_t neurons, const float *h, double share,
                    double reach, const double *c, const double *ln_q, const Expected *expected,
                    double *work, double *gram, Layer *found)
{
    const After a = {h, share, reach, c, ln_q, expected, work, gram, found};
    for (int64_t r = 0; r < networks; r++) {
        if (batch == USUAL_BATCH)
            layer_of(&a, networks, r, USUAL_BATCH, neurons);
        else
            layer_of(&a, networks, r, batch, neurons);
    }
}
