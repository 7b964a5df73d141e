/* Sums over one layer of many runs, in float64, reading each float32 block once.
 *
 * What network/torch_sums.py finds with a call of torch for every sum, in some ten passes over
 * memory, is found here run by run while its numbers are in the processor's cache.
 *
 * A sum is eight partial sums, of every eighth number, added in one order. So a run's bits depend on
 * nothing but its numbers: not on the other runs, nor on where they lie in memory.
 *
 * Arrays are (runs, batch, width): rows are contiguous, runs a stride apart.
 */
#include "vectors.h"

typedef struct {
    Sums pre, out;
    double abs_max, zeros, saturated, finite, direction, samples;
} Forward;

/* Of pre-activations, activations and slopes; `direction` is memory for `width` numbers. */
EVERY_PROCESSOR
void initlab_forward_sums(int64_t runs, int64_t batch, int64_t width, int64_t pre_stride,
                          int64_t out_stride, int64_t slope_stride, const float *pre,
                          const float *out, const float *slope, float saturated_below, double least,
                          double *direction, Forward *found)
{
    const double beyond = (double)(batch * (-width & (LANES - 1)));  /* zeros that `load` adds */
    for (int64_t r = 0; r < runs; r++) {
        Forward f = {.zeros = -beyond, .saturated = -beyond, .finite = -beyond};
        const float *z_run = pre + r * pre_stride, *h_run = out + r * out_stride;
        Ints zeros = {0}, saturated = {0}, finite = {0};
        Floats largest = {0};
        memset(direction, 0, (size_t)width * sizeof *direction);
        for (int64_t b = 0; b < batch; b++) {
            const float *z_row = z_run + b * width, *h_row = h_run + b * width;
            const float *slope_row = slope + r * slope_stride + b * width;
            Doubles pre_total = {0}, pre_squares = {0}, total = {0}, squares = {0};
            for (int64_t n = 0; n < width; n += LANES) {
                Floats z, h, s;
                load(&z, z_row + n, width - n);
                load(&h, h_row + n, width - n);
                load(&s, slope_row + n, width - n);
                const Doubles zd = DOUBLES(z), hd = DOUBLES(h);
                pre_total += zd;
                pre_squares += zd * zd;
                total += hd;
                squares += hd * hd;
                const Floats size = ABSOLUTE(h);
                zeros -= size == 0;  /* a comparison that holds is -1 */
                finite -= size <= FLT_MAX;
                saturated -= ABSOLUTE(s) < saturated_below;
                larger(&largest, &size);
            }
            f.pre.total += folded(&pre_total);
            f.pre.squares += folded(&pre_squares);
            f.out.total += folded(&total);
            const double length2 = folded(&squares);
            f.out.squares += length2;
            if (length2 == 0)
                continue;
            f.samples++;  /* direction += h_b / |h_b| */
            const double inverse = 1 / sqrt(length2);
            for (int64_t n = 0; n < width; n++)
                direction[n] += inverse * h_row[n];
        }
        for (int l = 0; l < LANES; l++) {
            f.zeros += zeros[l];
            f.saturated += saturated[l];
            f.finite += finite[l];
            f.abs_max = largest[l] > f.abs_max ? largest[l] : f.abs_max;
        }
        Doubles squares = {0};
        int64_t n = 0;
        for (; n + LANES <= width; n += LANES) {
            Doubles d;
            memcpy(&d, direction + n, sizeof d);
            squares += d * d;
        }
        f.direction = folded(&squares);
        for (; n < width; n++)
            f.direction += direction[n] * direction[n];
        centre(&f.pre, z_run, batch * width, least);
        centre(&f.out, h_run, batch * width, least);
        found[r] = f;
    }
}

/* A block in float64, in rows of a multiple of LANES; its row sums. Sums of the whole are `s`'s. */
INLINE void widen(const float *x, int64_t batch, int64_t width, double *wide, double *row_totals)
{
    const int64_t padded = PADDED(width);
    for (int64_t b = 0; b < batch; b++) {
        Doubles total = {0};
        for (int64_t n = 0; n < width; n += LANES) {
            Floats v;
            load(&v, x + b * width + n, width - n);
            const Doubles d = DOUBLES(v);
            memcpy(wide + b * padded + n, &d, sizeof d);
            total += d;
        }
        row_totals[b] = folded(&total);
    }
}

/* Products of one row with the next four, rows of a multiple of LANES. (Of the last rows, some are
 * read that are not there: they are in `work`, and what comes of them is not used.) */
#define ROWS 4
INLINE void dots(double *products, const double *x, const double *rows, int64_t width)
{
    Doubles sums[ROWS] = {{0}};
    for (int64_t n = 0; n < width; n += LANES) {
        Doubles a, b;
        memcpy(&a, x + n, sizeof a);
        for (int row = 0; row < ROWS; row++) {
            memcpy(&b, rows + row * width + n, sizeof b);
            sums[row] += a * b;
        }
    }
    for (int row = 0; row < ROWS; row++)
        products[row] = folded(&sums[row]);
}

typedef struct {
    Sums gradient, weights;
} Backward;

/* Of dL/dh at the output, dL/dz = D and the input h; `work` is memory for batch + ROWS rows
 * of both widths, rounded up to LANES, and for two numbers of each. Of dL/dW = sum_b D_b^T h_b
 *
 *     sum dW = sum_b (sum_o D_bo) (sum_i h_bi)      sum dW^2 = sum_bb' (D D^T)_bb' (h h^T)_bb'
 *
 * `centred` is the difference of the two, whatever it has lost.
 */
EVERY_PROCESSOR
void initlab_backward_sums(int64_t runs, int64_t batch, int64_t outputs, int64_t inputs,
                           int64_t gradient_stride, int64_t delta_stride, int64_t input_stride,
                           const float *gradient, const float *delta, const float *input,
                           double least, double *work, Backward *found)
{
    const int64_t wide_o = PADDED(outputs), wide_i = PADDED(inputs);
    double *d = work, *h = d + batch * wide_o;
    double *d_rows = h + batch * wide_i, *h_rows = d_rows + batch;
    for (int64_t r = 0; r < runs; r++) {
        Backward f = {.gradient = {.total = 0}};
        const float *g = gradient + r * gradient_stride;
        Doubles total = {0}, squares = {0};
        for (int64_t n = 0; n < batch * outputs; n += LANES) {
            Floats v;
            load(&v, g + n, batch * outputs - n);
            const Doubles x = DOUBLES(v);
            total += x;
            squares += x * x;
        }
        f.gradient.total = folded(&total);
        f.gradient.squares = folded(&squares);
        centre(&f.gradient, g, batch * outputs, least);
        widen(delta + r * delta_stride, batch, outputs, d, d_rows);
        widen(input + r * input_stride, batch, inputs, h, h_rows);
        for (int64_t b = 0; b < batch; b++) {
            f.weights.total += d_rows[b] * h_rows[b];
            for (int64_t c = 0; c <= b; c += ROWS) {
                double of_d[ROWS], of_h[ROWS];
                dots(of_d, d + b * wide_o, d + c * wide_o, wide_o);
                dots(of_h, h + b * wide_i, h + c * wide_i, wide_i);
                for (int64_t row = 0; row < ROWS && c + row <= b; row++)
                    f.weights.squares += (c + row < b ? 2 : 1) * of_d[row] * of_h[row];
            }
        }
        f.weights.centred = f.weights.squares
                            - f.weights.total * f.weights.total / (double)(outputs * inputs);
        found[r] = f;
    }
}
