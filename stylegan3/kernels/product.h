// Products with a constant matrix over the channels: a 1x1 convolution, or one coefficient of Winograd's.
#pragma once

#include "net.h"

// y[P pixels][16 blocks] = sum over input channels, `tail` of them in the last block; the whole sum stays in registers
template <int NV, int P>
static void product_tile(const float* x, ptrdiff_t xplane, const float* w, int nbi, int tail, float* y, ptrdiff_t yplane) {
    vf acc[P][NV];
    for (int p = 0; p < P; p++)
        for (int v = 0; v < NV; v++) acc[p][v] = vf{};
    for (int b = 0; b < nbi; b++) {
        const float* xp = x + b * xplane;
        const int channels = b == nbi - 1 ? tail : 16;
        for (int c = 0; c < channels; c++, w += NV * VL) {
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
static void product_line(const float* x, ptrdiff_t xplane, const float* w, int nbi, int tail, float* y, ptrdiff_t yplane, int pixels) {
    for (int i = 0; i < pixels; i += P) {
        const int at = imin(i, pixels - P);  // the last tile overlaps the one before: the same sums twice
        product_tile<NV, P>(x + at * 16, xplane, w, nbi, tail, y + at * 16, yplane);
    }
}

// `pixels` (8 at least) in a line, all input channels, the output channels of one group
static void product(int blocks, const float* w, const float* x, ptrdiff_t xplane, int nbi, int tail, float* y, ptrdiff_t yplane, int pixels) {
    // tiles fill the registers: 24 or 12 sums, weights, one input
#if defined(__AVX512F__)
    if (blocks == 3) product_line<3, 8>(x, xplane, w, nbi, tail, y, yplane, pixels);
    else if (blocks == 2) product_line<2, 8>(x, xplane, w, nbi, tail, y, yplane, pixels);
    else product_line<1, 8>(x, xplane, w, nbi, tail, y, yplane, pixels);
#elif defined(__AVX2__)
    product_line<2, 6>(x, xplane, w, nbi, tail, y, yplane, pixels);
#elif defined(__aarch64__)
    product_line<4, 6>(x, xplane, w, nbi, tail, y, yplane, pixels);
#else
    product_line<4, 3>(x, xplane, w, nbi, tail, y, yplane, pixels);
#endif
}

static int split(int blocks, Group* g) {  // into groups as wide as the registers allow
    int n = 0, at = 0;
    while (at < blocks) {
        const int left = blocks - at;
        const int take = left == 4 ? imin(2, WIDEST) : imin(left, WIDEST);
        if (g) g[n].block = at, g[n].blocks = take;
        n++, at += take;
    }
    return n;
}

static void pack(Net* n, Group* g, const float* w, int cout, int cin) {  // from [cout][cin]
    const int nbi = pad16(cin) / 16, wide = 16 * g->blocks;
    g->weight = (float*)take(n, (size_t)nbi * 16 * wide);
    if (!g->weight) return;
    for (int i = 0; i < cin; i++)
        for (int o = 0; o < imin(wide, cout - 16 * g->block); o++) g->weight[(size_t)i * wide + o] = w[(size_t)(16 * g->block + o) * cin + i];
}

static void run_pointwise(Net* n, const Layer* l, int task) {  // a 1x1 convolution, which has no border
    const int chunks = (l->conv + l->rows - 1) / l->rows;
    const Group* g = l->groups + task / chunks;
    const int r0 = task % chunks * l->rows, r1 = imin(l->conv, r0 + l->rows);
    const ptrdiff_t row = (ptrdiff_t)l->conv * 16, plane = row * l->conv;
    product(g->blocks, g->weight, n->x + r0 * row, plane, l->nbi, l->tail, n->y + g->block * plane + r0 * row, plane, (r1 - r0) * l->conv);
}
