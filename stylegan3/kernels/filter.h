// Filtered leaky ReLU.
#pragma once

#include "net.h"

// bias, up, leaky ReLU, clamp, down for 16 channels of a tile: rows stream through rings, nothing at the high rate is kept
template <int UP, int FS>
static void filter_tile(const Net* n, const Layer* l, const Layer* next, int b, int c0, int c1, int r0, int r1, float* scratch) {
    enum { DT = 2 * FS, RING = DT + 8 };
    float cu[UP][FS], cw[UP][FS], cd[DT];
    const float gain = 1.41421356237309505f, slope = 0.2f;
    for (int p = 0; p < UP; p++)
        for (int j = 0; j < FS; j++) cw[p][j] = l->up_taps[UP * FS - 1 - (p + j * UP)] * UP, cu[p][j] = cw[p][j] * gain;
    for (int k = 0; k < DT; k++) cd[k] = l->down_taps[DT - 1 - k];

    const int ih = l->conv, pad = l->pad, W = c1 - c0;
    // samples at the high rate come in groups of UP that are made of the same FS inputs: group g of inputs g .. g + FS - 1
    const int g0 = cdiv(2 * c0 - pad, UP), groups = cdiv(2 * (c1 - 1) + DT - 1 - pad, UP) - g0 + 1;
    const int skip = 2 * c0 - (UP * (g0 - 1) + pad + 1);  // samples before the first that is needed
    const int A = groups * UP, inputs = groups + FS - 1;
    float* irow = scratch;
    float* ring = irow + 16 * (inputs + 1);
    float* act = ring + 16 * (size_t)FS * A;
    float* down = act + 16 * (size_t)UP * A;
    float* zero = down + 16 * (size_t)RING * W;
    memset(zero, 0, 64 * (size_t)A);

    const float* y = n->y + (size_t)b * ih * ih * 16;
    const int border = next->k - 1, xw = l->out + 2 * border;
    float* x = n->x + (size_t)b * xw * xw * 16;
    const v16 demod = ld(l->demod + 16 * b), bias = ld(l->bias + 16 * b), scale = ld(next->scale + 16 * b);
    const v16 top = v16{} + n->clamp, bottom = v16{} - n->clamp;
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
            for (int i = 0; i < groups; i++) {
                v16 in[FS];
#pragma GCC unroll 8
                for (int j = 0; j < FS; j++) in[j] = ld(irow + 16 * (i + j));
#pragma GCC unroll 4
                for (int s = 0; s < UP; s++) {
                    v16 a = in[0] * cw[UP - 1 - s][0];
#pragma GCC unroll 8
                    for (int j = 1; j < FS; j++) a += in[j] * cw[UP - 1 - s][j];
                    st(rr + 16 * (i * UP + s), a);
                }
            }
        }
        const float* rp[FS];
        for (int j = 0; j < FS; j++) rp[j] = g + j < 0 || g + j >= ih ? zero : ring + 16 * (size_t)((g + j) % FS) * A;
        for (int i = skip; i < A; i++) {  // a group of rows at the high rate
            v16 in[FS];
#pragma GCC unroll 8
            for (int j = 0; j < FS; j++) in[j] = ld(rp[j] + 16 * i);
#pragma GCC unroll 4
            for (int s = 0; s < UP; s++) {
                v16 a = in[0] * cu[UP - 1 - s][0];
#pragma GCC unroll 8
                for (int j = 1; j < FS; j++) a += in[j] * cu[UP - 1 - s][j];
                a = max16(a, a * slope);
                st(act + 16 * (s * (size_t)A + i), max16(min16(a, top), bottom));
            }
        }
        for (int s = 0; s < UP; s++) {  // narrow them
            const int row = UP * (g - 1) + pad + 1 + s;
            if (row < first || row > last) continue;
            const float* ap = act + 16 * (s * (size_t)A + skip);
            float* dr = down + 16 * (size_t)(row % RING) * W;
            int c = 0;
            for (; c + 4 <= W; c += 4) {  // four at once share their loads
                v16 a0 = {}, a1 = {}, a2 = {}, a3 = {};
#pragma GCC unroll 32
                for (int k = 0; k < DT + 6; k++) {
                    const v16 v = ld(ap + 16 * (2 * c + k));
                    if (k < DT) a0 += v * cd[k];
                    if (k >= 2 && k < DT + 2) a1 += v * cd[k - 2];
                    if (k >= 4 && k < DT + 4) a2 += v * cd[k - 4];
                    if (k >= 6) a3 += v * cd[k - 6];
                }
                st(dr + 16 * c, a0), st(dr + 16 * (c + 1), a1), st(dr + 16 * (c + 2), a2), st(dr + 16 * (c + 3), a3);
            }
            for (; c < W; c++) {
                v16 a = {};
#pragma GCC unroll 32
                for (int k = 0; k < DT; k++) a += ld(ap + 16 * (2 * c + k)) * cd[k];
                st(dr + 16 * c, a);
            }
        }
        const int complete = imin(r1, (imin(UP * g + pad, last) - (DT - 1) + 2) / 2);  // output rows below this can be made
        while (complete - emitted >= 2 || (emitted < complete && complete == r1)) {
            const int two = complete - emitted >= 2;
            const float* dp[DT + 2];
            for (int k = 0; k < DT + 2; k++) dp[k] = down + 16 * (size_t)((2 * emitted + k) % RING) * W;
            float* xr = x + ((size_t)(emitted + border) * xw + border + c0) * 16;
            if (two) {
                for (int c = 0; c < W; c++) {
                    v16 a0 = {}, a1 = {};
#pragma GCC unroll 32
                    for (int k = 0; k < DT + 2; k++) {
                        const v16 v = ld(dp[k] + 16 * c);
                        if (k < DT) a0 += v * cd[k];
                        if (k >= 2) a1 += v * cd[k - 2];
                    }
                    st(xr + 16 * c, a0 * scale), st(xr + 16 * (xw + c), a1 * scale);
                }
            } else {
                for (int c = 0; c < W; c++) {
                    v16 a = {};
#pragma GCC unroll 32
                    for (int k = 0; k < DT; k++) a += ld(dp[k] + 16 * c) * cd[k];
                    st(xr + 16 * c, a * scale);
                }
            }
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
    return 16 * ((A / l->up + l->fs + 4) + l->fs * A + l->up * A + (2 * l->fs + 8) * l->tile + A + 16);
}

static void run_filter(const Net* n, int layer, int task, float* scratch) {
    const Layer *l = n->layers + layer, *next = l + 1;
    const int b = task % l->nbo, c = task / l->nbo % l->tiles, s = task / l->nbo / l->tiles;
    const int c0 = c * l->tile, c1 = imin(l->out, c0 + l->tile), r0 = s * l->strip, r1 = imin(l->out, r0 + l->strip);
    if (c0 >= c1 || r0 >= r1) return;
    if (l->up == 2 && l->fs == 6) filter_tile<2, 6>(n, l, next, b, c0, c1, r0, r1, scratch);
    else if (l->up == 4 && l->fs == 6) filter_tile<4, 6>(n, l, next, b, c0, c1, r0, r1, scratch);
    else if (l->up == 2 && l->fs == 4) filter_tile<2, 4>(n, l, next, b, c0, c1, r0, r1, scratch);
    else filter_tile<4, 4>(n, l, next, b, c0, c1, r0, r1, scratch);
}
