// 3x3 convolution with 16 products for four outputs where the plain sum takes 36: Winograd's F(2x2, 3x3) (Lavin and Gray
// 2016, section 4.1). Tiles of 4x4 inputs become 16 coefficients, each coefficient is a matrix product over the
// channels, and its results become tiles of 2x2 outputs. Additions only on the way in and out.
#pragma once

#include "product.h"

enum { WINOGRAD_TILES = 96 };  // of a task: enough to use a matrix of weights often, few enough to stay in the cache

static void pack_winograd(Net* n, Group* g, const float* w, int cout, int cin) {  // from [cout][cin][3][3] to [16][nbi][16][16 blocks]
    const int nbi = pad16(cin) / 16, wide = 16 * g->blocks;
    const size_t each = (size_t)nbi * 16 * wide;
    g->weight = (float*)take(n, 16 * each);
    if (!g->weight) return;
    for (int o = 0; o < imin(wide, cout - 16 * g->block); o++)
        for (int i = 0; i < cin; i++) {
            const float* k = w + ((size_t)(16 * g->block + o) * cin + i) * 9;
            double half[4][3];
            for (int x = 0; x < 3; x++) {
                const double a = k[x], b = k[3 + x], c = k[6 + x];
                half[0][x] = a, half[1][x] = (a + b + c) / 2, half[2][x] = (a - b + c) / 2, half[3][x] = c;
            }
            for (int y = 0; y < 4; y++) {
                const double a = half[y][0], b = half[y][1], c = half[y][2];
                const double row[4] = {a, (a + b + c) / 2, (a - b + c) / 2, c};
                for (int x = 0; x < 4; x++) g->weight[(4 * y + x) * each + (size_t)i * wide + o] = (float)row[x];
            }
        }
}

static void coefficients_in(const float* x, ptrdiff_t xrow, float* v, ptrdiff_t each) {  // 4x4 inputs -> 16 coefficients
    v16 half[4][4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const v16 a = ld(x + 16 * i), b = ld(x + xrow + 16 * i), c = ld(x + 2 * xrow + 16 * i), d = ld(x + 3 * xrow + 16 * i);
        half[0][i] = a - c, half[1][i] = b + c, half[2][i] = c - b, half[3][i] = b - d;
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        const v16 a = half[j][0], b = half[j][1], c = half[j][2], d = half[j][3];
        st(v + (4 * j) * each, a - c), st(v + (4 * j + 1) * each, b + c), st(v + (4 * j + 2) * each, c - b), st(v + (4 * j + 3) * each, b - d);
    }
}

static void outputs_from(const float* m, ptrdiff_t each, float* y, ptrdiff_t yrow) {  // 16 coefficients -> 2x2 outputs
    v16 half[2][4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const v16 a = ld(m + i * each), b = ld(m + (4 + i) * each), c = ld(m + (8 + i) * each), d = ld(m + (12 + i) * each);
        half[0][i] = a + b + c, half[1][i] = b - c - d;
    }
#pragma GCC unroll 2
    for (int j = 0; j < 2; j++) {
        const v16 a = half[j][0], b = half[j][1], c = half[j][2], d = half[j][3];
        st(y + j * yrow, a + b + c), st(y + j * yrow + 16, b - c - d);
    }
}

static int padded(int tiles) { return imax(tiles, 8); }  // a product takes 8 at least; what is in the rest does not matter

static size_t winograd_scratch(const Layer* l) {  // floats
    return (size_t)16 * 16 * padded(l->rows * (l->conv / 2)) * (l->nbi + WIDEST);
}

static void run_winograd(Net* n, const Layer* l, int task, float* scratch) {
    const int across = l->conv / 2, r0 = task * l->rows, r1 = imin(across, r0 + l->rows), tiles = padded((r1 - r0) * across);
    const int xw = l->in + 4;
    const ptrdiff_t xrow = (ptrdiff_t)xw * 16, xplane = xrow * xw, yrow = (ptrdiff_t)l->conv * 16, yplane = yrow * l->conv;
    const ptrdiff_t vplane = (ptrdiff_t)16 * tiles, veach = vplane * l->nbi;
    float *v = scratch, *m = scratch + 16 * veach;
    for (int b = 0; b < l->nbi; b++)
        for (int r = r0; r < r1; r++)
            for (int c = 0; c < across; c++)
                coefficients_in(n->x + b * xplane + 2 * r * xrow + 32 * c, xrow, v + b * vplane + 16 * ((r - r0) * across + c), veach);
    for (int i = 0; i < l->ngroups; i++) {
        const Group* g = l->groups + i;
        const ptrdiff_t meach = vplane * g->blocks, weach = (ptrdiff_t)l->nbi * 256 * g->blocks;
        for (int k = 0; k < 16; k++) product(g->blocks, g->weight + k * weach, v + k * veach, vplane, l->nbi, l->tail, m + k * meach, vplane, tiles);
        for (int b = 0; b < g->blocks; b++)
            for (int r = r0; r < r1; r++)
                for (int c = 0; c < across; c++)
                    outputs_from(m + b * vplane + 16 * ((r - r0) * across + c), meach, n->y + (g->block + b) * yplane + 2 * r * yrow + 32 * c, yrow);
    }
}
