// Convolution: sums of a tile of pixels and output channels stay in registers through all inputs and taps.
#pragma once

#include "net.h"

// y[P pixels][16 blocks] = sum over input channels and taps; the whole sum stays in registers
template <int NV, int P>
static void conv_tile(const float* x, ptrdiff_t xplane, ptrdiff_t xrow, const float* w, int nbi, int k, float* y, ptrdiff_t yplane) {
    vf acc[P][NV];
    for (int p = 0; p < P; p++)
        for (int v = 0; v < NV; v++) acc[p][v] = vf{};
    for (int b = 0; b < nbi; b++)
        for (int ky = 0; ky < k; ky++)
            for (int kx = 0; kx < k; kx++) {
                const float* xp = x + b * xplane + ky * xrow + kx * 16;
                for (int c = 0; c < 16; c++, w += NV * VL) {
                    vf wv[NV];
#pragma GCC unroll 8
                    for (int v = 0; v < NV; v++) wv[v] = *(const vf*)(w + v * VL);
#pragma GCC unroll 32
                    for (int p = 0; p < P; p++) {
                        const vf xv = xp[p * 16 + c] - vf{};  // broadcasts; x - 0 is x, while 0 + x would be an addition
#pragma GCC unroll 8
                        for (int v = 0; v < NV; v++) acc[p][v] += wv[v] * xv;
                    }
                }
            }
    for (int p = 0; p < P; p++)
        for (int v = 0; v < NV; v++) *(vf*)(y + (v * VL / 16) * yplane + p * 16 + v * VL % 16) = acc[p][v];
}

template <int NV, int P>
static void conv_row(const float* x, ptrdiff_t xplane, ptrdiff_t xrow, const float* w, int nbi, int k, float* y, ptrdiff_t yplane, int width) {
    for (int c = 0; c < width; c += P) {
        const int at = imin(c, width - P);  // the last tile overlaps the one before: the same sums twice
        conv_tile<NV, P>(x + at * 16, xplane, xrow, w, nbi, k, y + at * 16, yplane);
    }
}

static void conv_group(const Group* g, const float* x, ptrdiff_t xplane, ptrdiff_t xrow, int nbi, int k, float* y, ptrdiff_t yplane, int width) {
    // tiles fill the registers: 24 or 12 sums, weights, one input
#if defined(__AVX512F__)
    if (g->blocks == 3) conv_row<3, 8>(x, xplane, xrow, g->weight, nbi, k, y, yplane, width);
    else if (g->blocks == 2) conv_row<2, 8>(x, xplane, xrow, g->weight, nbi, k, y, yplane, width);
    else conv_row<1, 8>(x, xplane, xrow, g->weight, nbi, k, y, yplane, width);
#elif defined(__AVX2__)
    conv_row<2, 6>(x, xplane, xrow, g->weight, nbi, k, y, yplane, width);
#elif defined(__aarch64__)
    conv_row<4, 6>(x, xplane, xrow, g->weight, nbi, k, y, yplane, width);
#else
    conv_row<4, 3>(x, xplane, xrow, g->weight, nbi, k, y, yplane, width);
#endif
}

static int split(int blocks, Group* g) {  // into groups as wide as the registers allow
    const int most = VL == 16 ? 3 : 1;
    int n = 0, at = 0;
    while (at < blocks) {
        const int left = blocks - at;
        const int take = left == 4 ? imin(2, most) : imin(left, most);
        if (g) g[n].block = at, g[n].blocks = take;
        n++, at += take;
    }
    return n;
}

static void pack(Net* n, Group* g, const float* w, int cout, int cin, int k) {  // from [cout][cin][k][k]
    const int nbi = pad16(cin) / 16, wide = 16 * g->blocks;
    g->weight = (float*)take(n, (size_t)nbi * k * k * 16 * wide);
    if (!g->weight) return;
    for (int i = 0; i < cin; i++)
        for (int t = 0; t < k * k; t++)
            for (int o = 0; o < imin(wide, cout - 16 * g->block); o++)
                g->weight[(((size_t)(i / 16) * k * k + t) * 16 + i % 16) * wide + o] = w[((size_t)(16 * g->block + o) * cin + i) * k * k + t];
}

static void run_conv(Net* n, const Layer* l, int task) {
    const int chunks = (l->conv + l->rows - 1) / l->rows;
    const Group* g = l->groups + task / chunks;
    const int r0 = task % chunks * l->rows, r1 = imin(l->conv, r0 + l->rows), border = l->k - 1, xw = l->in + 2 * border;
    const ptrdiff_t xrow = (ptrdiff_t)xw * 16, xplane = xrow * xw, yrow = (ptrdiff_t)l->conv * 16, yplane = yrow * l->conv;
    for (int r = r0; r < r1; r++)
        conv_group(g, n->x + r * xrow, xplane, xrow, l->nbi, l->k, n->y + g->block * yplane + r * yrow, yplane, l->conv);
}
