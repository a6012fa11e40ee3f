// Filtered leaky ReLU.
#pragma once

#include "net.h"

// Filters are symmetric: what two equal taps see is added first, and half of the products go. Processors that add and
// multiply in separate units do both at once.

// FS inputs -> the UP samples that lie among them; phases p and UP - 1 - p share the sums and differences of their inputs
template <int UP, int FS>
struct Widener {
    float even[UP / 2][FS / 2], odd[UP / 2][FS / 2];

    Widener(const float* taps, float gain) {
        for (int p = 0; p < UP / 2; p++)
            for (int j = 0; j < FS / 2; j++) {
                const float a = taps[UP * FS - 1 - (p + j * UP)], b = taps[UP * FS - 1 - (p + (FS - 1 - j) * UP)];
                even[p][j] = (a + b) * (gain * UP / 2), odd[p][j] = (a - b) * (gain * UP / 2);
            }
    }

    void operator()(const v16* in, v16* out) const {  // out[s] is phase UP - 1 - s
        v16 sum[FS / 2], difference[FS / 2];
#pragma GCC unroll 4
        for (int j = 0; j < FS / 2; j++) sum[j] = in[j] + in[FS - 1 - j], difference[j] = in[j] - in[FS - 1 - j];
#pragma GCC unroll 4
        for (int p = 0; p < UP / 2; p++) {
            v16 e = sum[0] * even[p][0], o = difference[0] * odd[p][0];
#pragma GCC unroll 4
            for (int j = 1; j < FS / 2; j++) e += sum[j] * even[p][j], o += difference[j] * odd[p][j];
            out[UP - 1 - p] = e + o, out[p] = e - o;
        }
    }
};

template <int UP, int FS>
static void widen_across(const float* x, const Widener<UP, FS>& filter, int groups, float* y) {
    const Widener<UP, FS> wide = filter;  // a copy, so that it stays in registers
    for (int i = 0; i < groups; i++) {
        v16 in[FS], out[UP];
#pragma GCC unroll 8
        for (int j = 0; j < FS; j++) in[j] = ld(x + 16 * (i + j));
        wide(in, out);
#pragma GCC unroll 4
        for (int s = 0; s < UP; s++) st(y + 16 * (i * UP + s), out[s]);
    }
}

// FS lines -> UP lines of `width` samples, activated
template <int UP, int FS>
static void widen_along(const float* const* rows, const Widener<UP, FS>& filter, int from, int width, v16 top, float* y) {
    const Widener<UP, FS> tall = filter;
    const v16 bottom = -top;
    for (int i = from; i < width; i++) {
        v16 in[FS], out[UP];
#pragma GCC unroll 8
        for (int j = 0; j < FS; j++) in[j] = ld(rows[j] + 16 * i);
        tall(in, out);
#pragma GCC unroll 4
        for (int s = 0; s < UP; s++) st(y + 16 * (s * (ptrdiff_t)width + i), max16(min16(max16(out[s], out[s] * 0.2f), top), bottom));
    }
}

// a line of 2 width + DT - 2 samples -> `width` for each product
template <int DT, bool RADIAL>
static void narrow_across(const float* x, const float (*taps)[DT / 2], int rank, int width, float* y) {
    enum { AT_ONCE = VL == 16 ? 4 : 2 };  // share their loads, as many as there are registers for
    float cd[DT / 2];
    for (int k = 0; k < DT / 2; k++) cd[k] = taps[0][k];
    for (int c = 0; c < width; c += AT_ONCE) {
        c = imin(c, width - AT_ONCE);  // the last overlap those before: the same sums twice
        v16 pair[AT_ONCE][DT / 2];
#pragma GCC unroll 4
        for (int i = 0; i < AT_ONCE; i++)
#pragma GCC unroll 8
            for (int k = 0; k < DT / 2; k++) pair[i][k] = ld(x + 16 * (2 * (c + i) + k)) + ld(x + 16 * (2 * (c + i) + DT - 1 - k));
        for (int q = 0; q < (RADIAL ? rank : 1); q++)
#pragma GCC unroll 4
            for (int i = 0; i < AT_ONCE; i++) {
                v16 a = pair[i][0] * (RADIAL ? taps[q][0] : cd[0]);
#pragma GCC unroll 8
                for (int k = 1; k < DT / 2; k++) a += pair[i][k] * (RADIAL ? taps[q][k] : cd[k]);
                st(y + 16 * ((ptrdiff_t)q * width + c + i), a);
            }
    }
}

// DT lines of each product -> one line of output, or DT + 2 -> two
template <int DT, int ROWS, bool RADIAL>
static void narrow_along(const float* const* rows, const float (*taps)[DT / 2], int rank, int width, v16 scale, float* x, ptrdiff_t xw) {
    float cd[DT / 2];
    for (int k = 0; k < DT / 2; k++) cd[k] = taps[0][k];
    for (int c = 0; c < width; c++) {
        v16 a0 = {}, a1 = {};
        for (int q = 0; q < (RADIAL ? rank : 1); q++) {
            const ptrdiff_t at = 16 * ((ptrdiff_t)q * width + c);
            v16 v[DT + 2];
#pragma GCC unroll 32
            for (int k = 0; k < DT + 2 * (ROWS - 1); k++) v[k] = ld(rows[k] + at);
#pragma GCC unroll 8
            for (int k = 0; k < DT / 2; k++) {
                a0 += (v[k] + v[DT - 1 - k]) * (RADIAL ? taps[q][k] : cd[k]);
                if (ROWS == 2) a1 += (v[k + 2] + v[DT + 1 - k]) * (RADIAL ? taps[q][k] : cd[k]);
            }
        }
        st(x + 16 * c, a0 * scale);
        if (ROWS == 2) st(x + 16 * (xw + c), a1 * scale);
    }
}

// bias, up, leaky ReLU, clamp, down for 16 channels of a tile: rows stream through rings, nothing at the high rate is kept
// a radial filter is no product of two, but the sum of `rank` products (2 to 4 of them to float32's precision)
template <int UP, int FS, bool RADIAL>
static void filter_tile(const Net* n, const Layer* l, const Layer* next, int b, int c0, int c1, int r0, int r1, float* scratch) {
    enum { DT = 2 * FS, RING = DT + 8 };
    const int rank = RADIAL ? l->rank : 1;
    float across[MAX_RANK][FS], along[MAX_RANK][FS];  // half of the taps
    const Widener<UP, FS> wide(l->up_taps, 1), tall(l->up_taps, 1.41421356237309505f);
    for (int q = 0; q < rank; q++)
        for (int k = 0; k < FS; k++) across[q][k] = l->down_columns[q * DT + k], along[q][k] = l->down_rows[q * DT + k];

    const int ih = l->conv, pad = l->pad, W = c1 - c0;
    // samples at the high rate come in groups of UP that are made of the same FS inputs: group g of inputs g .. g + FS - 1
    const int g0 = cdiv(2 * c0 - pad, UP), groups = cdiv(2 * (c1 - 1) + DT - 1 - pad, UP) - g0 + 1;
    const int skip = 2 * c0 - (UP * (g0 - 1) + pad + 1);  // samples before the first that is needed
    const int A = groups * UP, inputs = groups + FS - 1;
    float* irow = scratch;
    float* ring = irow + 16 * (inputs + 1);
    float* act = ring + 16 * (size_t)FS * A;
    float* down = act + 16 * (size_t)UP * A;
    float* zero = down + 16 * (size_t)RING * rank * W;
    memset(zero, 0, 64 * (size_t)A);

    const float* y = n->y + (size_t)b * ih * ih * 16;
    const int border = next->k - 1, xw = l->out + 2 * border;
    const int keep = n->filling && next == n->layers + n->once;
    float* x = (keep ? n->kept : n->x) + (size_t)b * xw * xw * 16;
    const v16 demod = ld(l->demod + 16 * b), bias = ld(l->bias + 16 * b), scale = keep ? v16{} + 1 : ld(next->scale + 16 * b);
    const v16 top = v16{} + n->clamp;
    const int first = 2 * r0, last = 2 * (r1 - 1) + DT - 1;  // rows at the high rate
    int have = -1000000, emitted = r0;
    for (int g = cdiv(first - pad, UP); g <= cdiv(last - pad, UP); g++) {
        for (int m = imax(g, have + 1); m < g + FS; m++) {  // widen the input rows that are new
            have = m;
            if (m < 0 || m >= ih) continue;
            const float* yr = y + (size_t)m * ih * 16;
            for (int i = 0; i < inputs; i++) {
                const int q = g0 + i;
                st(irow + 16 * i, q >= 0 && q < ih ? ld(yr + (size_t)q * 16) * demod + bias : v16{});  // outside is 0, not bias
            }
            float* rr = ring + 16 * (size_t)(m % FS) * A;
            widen_across<UP, FS>(irow, wide, groups, rr);
        }
        const float* rp[FS];
        for (int j = 0; j < FS; j++) rp[j] = g + j < 0 || g + j >= ih ? zero : ring + 16 * (size_t)((g + j) % FS) * A;
        widen_along<UP, FS>(rp, tall, skip, A, top, act);
        for (int s = 0; s < UP; s++) {  // narrow them
            const int row = UP * (g - 1) + pad + 1 + s;
            if (row < first || row > last) continue;
            const float* ap = act + 16 * (s * (size_t)A + skip);
            narrow_across<DT, RADIAL>(ap, across, rank, W, down + 16 * (size_t)(row % RING) * rank * W);
        }
        const int complete = imin(r1, (imin(UP * g + pad, last) - (DT - 1) + 2) / 2);  // output rows below this can be made
        while (complete - emitted >= 2 || (emitted < complete && complete == r1)) {
            const int two = complete - emitted >= 2;
            const float* dp[DT + 2];
            for (int k = 0; k < DT + 2; k++) dp[k] = down + 16 * (size_t)((2 * emitted + k) % RING) * rank * W;
            float* xr = x + ((size_t)(emitted + border) * xw + border + c0) * 16;
            if (two) narrow_along<DT, 2, RADIAL>(dp, along, rank, W, scale, xr, xw);
            else narrow_along<DT, 1, RADIAL>(dp, along, rank, W, scale, xr, xw);
            emitted += 1 + two;
        }
    }
    // the border that the next convolution reads; another layer's picture may have lain there
    const int left = c0 == 0 ? 0 : border + c0, right = c1 == l->out ? xw : border + c1;
    const int above = r0 == 0 ? 0 : border + r0, below = r1 == l->out ? xw : border + r1;
    for (int r = above; r < below; r++) {
        float* xr = x + (size_t)r * xw * 16;
        if (r < border || r >= border + l->out) memset(xr + 16 * left, 0, 64 * (size_t)(right - left));
        else {
            if (c0 == 0) memset(xr, 0, 64 * (size_t)border);
            if (c1 == l->out) memset(xr + 16 * (border + l->out), 0, 64 * (size_t)border);
        }
    }
}

static size_t filter_scratch(const Layer* l) {  // floats
    const size_t A = 2 * (l->tile + l->fs) + 2 * l->up;
    return 16 * ((A / l->up + l->fs + 4) + l->fs * A + l->up * A + (2 * l->fs + 8) * l->tile * l->rank + A + 16);
}

template <int UP, int FS>
static void filter_any(const Net* n, const Layer* l, const Layer* next, int b, int c0, int c1, int r0, int r1, float* scratch) {
    if (l->rank == 1) filter_tile<UP, FS, false>(n, l, next, b, c0, c1, r0, r1, scratch);
    else filter_tile<UP, FS, true>(n, l, next, b, c0, c1, r0, r1, scratch);
}

static void run_filter(const Net* n, int layer, int task, float* scratch) {
    const Layer *l = n->layers + layer, *next = l + 1;
    const int b = task % l->nbo, c = task / l->nbo % l->tiles, s = task / l->nbo / l->tiles;
    const int c0 = c * l->tile, c1 = imin(l->out, c0 + l->tile), r0 = s * l->strip, r1 = imin(l->out, r0 + l->strip);
    if (c0 >= c1 || r0 >= r1) return;
    if (l->up == 2 && l->fs == 6) filter_any<2, 6>(n, l, next, b, c0, c1, r0, r1, scratch);
    else if (l->up == 4 && l->fs == 6) filter_any<4, 6>(n, l, next, b, c0, c1, r0, r1, scratch);
    else if (l->up == 2 && l->fs == 4) filter_any<2, 4>(n, l, next, b, c0, c1, r0, r1, scratch);
    else filter_any<4, 4>(n, l, next, b, c0, c1, r0, r1, scratch);
}
