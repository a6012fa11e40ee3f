// StyleGAN3-T synthesis for one picture at a time on a CPU: affines, Fourier features, convolutions, filtered leaky ReLU, RGB.
//
// Plain C interface (see the end), no C++ runtime, no libm, no allocation after sg3_create. One source, built once per
// instruction set. Everything is float32; activations lie in blocks of 16 channels: [channel / 16][row][column][16].
//
// A frame is a fixed list of phases, a phase a fixed list of tasks that threads claim one by one. A phase ends when its
// tasks are done, not when threads have arrived, so a helper that the system does not schedule delays nothing. A task's
// arithmetic does not depend on who runs it: pictures are identical to the bit whatever the number of threads.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#define EXPORT extern "C" __declspec(dllexport)
#else
#include <pthread.h>
#include <sched.h>
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

typedef float v16 __attribute__((vector_size(64)));

#if defined(__AVX512F__)
enum { VL = 16 };
#elif defined(__AVX2__)
enum { VL = 8 };
#else
enum { VL = 4 };
#endif
typedef float vf __attribute__((vector_size(4 * VL)));

static inline v16 ld(const float* p) { return *(const v16*)p; }
static inline void st(float* p, v16 v) { *(v16*)p = v; }
static inline v16 max16(v16 a, v16 b) { return a > b ? a : b; }
static inline v16 min16(v16 a, v16 b) { return a < b ? a : b; }
static inline int imin(int a, int b) { return a < b ? a : b; }
static inline int imax(int a, int b) { return a > b ? a : b; }
static inline int cdiv(int a, int m) { return a >= 0 ? (a + m - 1) / m : -((-a) / m); }  // towards +infinity
static inline int pad16(int n) { return (n + 15) & ~15; }

static float sum16(v16 v) {
    float s = 0;
    for (int i = 0; i < 16; i++) s += v[i];
    return s;
}

static float rsqrt1(float x) { return 1.0f / __builtin_sqrtf(x); }

static float dot(const float* a, const float* b, int n16) {
    v16 s = {};
    for (int i = 0; i < n16; i += 16) s += ld(a + i) * ld(b + i);
    return sum16(s);
}

// sin(2 pi t): whole turns off, folded to a quarter turn either side, Taylor to x^13 (error below float32's)
static float sin_turns(float t) {
    const float magic = 12582912.0f;  // adding and taking 1.5 * 2^23 rounds to the nearest whole number
    t -= (t + magic) - magic;
    if (t > 0.25f) t = 0.5f - t;
    if (t < -0.25f) t = -0.5f - t;
    const float x = 6.28318530717958648f * t, q = x * x;
    return x * (1 + q * (-1.0f / 6 + q * (1.0f / 120 + q * (-1.0f / 5040 + q * (1.0f / 362880 + q * (-1.0f / 39916800 + q / 6227020800.0f))))));
}
static float cos_turns(float t) { return sin_turns(t + 0.25f); }

// ---------------------------------------------------------------------------------------------------------- the network

struct Group {  // output channels computed together
    int block, blocks;
    float* weight;  // [nbi][k][k][16][16 * blocks]
};

struct Layer {
    int cin, cout, nbi, nbo, in, out, conv, k, up, fs, pad, rgb;
    float ema;  // magnitude_ema ^ -1/2
    Group* groups;
    int ngroups, rows;  // conv rows of a task
    int tile, tiles, strip, strips;
    float *wsq, *affine, *affine_bias, *bias, *up_taps, *down_taps;
    float *scale, *demod;  // of the present picture, [16 nbi], [16 nbo]
};

enum Kind { STYLES, FOURIER, CONV, FILTER, RGB };
struct Phase {
    Kind kind;
    int layer, tasks;
};

struct Net {
    int nlayers, w_dim, wp, nphases, threads;
    int channels, size;  // of the input
    float rate, bandwidth, clamp, output_scale;
    Layer* layers;
    Phase* phases;
    float *freqs, *phase0, *input_affine, *input_affine_bias;
    Group input_groups[64];
    int input_ngroups;
    float *x, *y;  // activations with a border of zeros; convolution output
    float* features;
    float *sin_x, *cos_x, *freq_y, *phase, *fade;  // Fourier features of the present picture
    float* ws;
    float* scratch[64];
    // the present picture
    const float* transform;
    float* image;
    uint8_t* rgba;
    // threads
    uint64_t claim;  // sequence number of the phase << 24 | next task
    uint32_t done;
    int active, quit;
    void** allocated;
    int nallocated, failed;
#ifdef _WIN32
    SRWLOCK lock;
    CONDITION_VARIABLE wake;
    HANDLE handles[64];
#else
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t handles[64];
#endif
    int helpers;
};

static void* take(Net* n, size_t floats) {  // zeroed, on a cache line; freed with the network
    void* p = calloc(floats * 4 + 64, 1);
    void** grown = (void**)realloc(n->allocated, sizeof(void*) * (n->nallocated + 1));
    if (grown) n->allocated = grown;
    if (!p || !grown) {
        free(p);
        n->failed = 1;
        return 0;
    }
    n->allocated[n->nallocated++] = p;
    return (void*)(((uintptr_t)p + 63) & ~(uintptr_t)63);
}

static float* copy(Net* n, const float* from, int rows, int width, int padded_rows, int padded_width) {
    float* to = (float*)take(n, (size_t)padded_rows * padded_width);
    if (to)
        for (int r = 0; r < rows; r++) memcpy(to + (size_t)r * padded_width, from + (size_t)r * width, 4 * (size_t)width);
    return to;
}

// --------------------------------------------------------------------------------------------------------- convolution

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

// ------------------------------------------------------------------------------------------------ filtered leaky ReLU

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

// ---------------------------------------------------------------------------------------------- styles, input, picture

static void run_styles(Net* n, int task) {
    if (task < n->nlayers) {
        Layer* l = n->layers + task;
        const float* w = n->ws + (size_t)(task + 1) * n->wp;
        const int ci = 16 * l->nbi;
        float mean = 0;
        for (int c = 0; c < l->cin; c++) {
            l->scale[c] = dot(l->affine + (size_t)c * n->wp, w, n->wp) + l->affine_bias[c];
            mean += l->scale[c] * l->scale[c];
        }
        if (!l->rgb) {
            const float unit = rsqrt1(mean / l->cin);
            float* square = l->demod + 16 * l->nbo;
            for (int c = 0; c < l->cin; c++) l->scale[c] *= unit, square[c] = l->scale[c] * l->scale[c];
            for (int o = 0; o < l->cout; o++) l->demod[o] = rsqrt1(dot(l->wsq + (size_t)o * ci, square, ci) + 1e-8f);
        }
        for (int c = 0; c < l->cin; c++) l->scale[c] *= l->ema;
        return;
    }
    // the Fourier features' frequencies and phases under w and the user's transform
    float t[4];
    for (int i = 0; i < 4; i++) t[i] = dot(n->input_affine + (size_t)i * n->wp, n->ws, n->wp) + n->input_affine_bias[i];
    const float unit = rsqrt1(t[0] * t[0] + t[1] * t[1]), cs = t[0] * unit, sn = t[1] * unit, tx = -t[2] * unit, ty = -t[3] * unit;
    const float rt[2][3] = {{cs, -sn, cs * tx - sn * ty}, {sn, cs, sn * tx + cs * ty}};
    float m[2][3];
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++) m[i][j] = rt[i][0] * n->transform[j] + rt[i][1] * n->transform[3 + j] + rt[i][2] * n->transform[6 + j];
    for (int c = 0; c < n->channels; c++) {
        const float f0 = n->freqs[2 * c], f1 = n->freqs[2 * c + 1];
        const float fx = f0 * m[0][0] + f1 * m[1][0], fy = f0 * m[0][1] + f1 * m[1][1];
        const float fade = 1 - (__builtin_sqrtf(fx * fx + fy * fy) - n->bandwidth) / (n->rate / 2 - n->bandwidth);
        n->fade[c] = fade < 0 ? 0 : fade > 1 ? 1 : fade;
        n->freq_y[c] = fy, n->phase[c] = n->phase0[c] + f0 * m[0][2] + f1 * m[1][2];
        for (int i = 0; i < n->size; i++) {
            const float a = (((i + 0.5f) / n->size) * 2 - 1) * (0.5f * n->size / n->rate) * fx;
            n->sin_x[i * pad16(n->channels) + c] = sin_turns(a), n->cos_x[i * pad16(n->channels) + c] = cos_turns(a);
        }
    }
}

static void run_input(Net* n, int row, float* scratch) {
    const int cp = pad16(n->channels), nb = cp / 16, size = n->size;
    float *sn = scratch, *cs = scratch + cp, *out = scratch + 2 * cp, *mixed = out + (size_t)cp * size;
    for (int c = 0; c < n->channels; c++) {
        const float a = (((row + 0.5f) / size) * 2 - 1) * (0.5f * size / n->rate) * n->freq_y[c] + n->phase[c];
        sn[c] = sin_turns(a) * n->fade[c], cs[c] = cos_turns(a) * n->fade[c];
    }
    for (int c = n->channels; c < cp; c++) sn[c] = cs[c] = 0;
    for (int b = 0; b < nb; b++)
        for (int i = 0; i < size; i++)  // sin(ax + ay) is separable
            st(out + ((size_t)b * size + i) * 16, ld(sn + 16 * b) * ld(n->cos_x + (size_t)i * cp + 16 * b) + ld(cs + 16 * b) * ld(n->sin_x + (size_t)i * cp + 16 * b));
    const Layer* l = n->layers;
    const int border = l->k - 1, xw = size + 2 * border;
    for (int g = 0; g < n->input_ngroups; g++)
        conv_group(n->input_groups + g, out, (ptrdiff_t)size * 16, 0, nb, 1, mixed + (size_t)n->input_groups[g].block * size * 16, (ptrdiff_t)size * 16, size);
    for (int b = 0; b < nb; b++) {
        float* plane = n->x + (size_t)b * xw * xw * 16;
        float* xr = plane + (size_t)(row + border) * xw * 16;
        const v16 scale = ld(l->scale + 16 * b);
        for (int i = 0; i < size; i++) st(xr + 16 * (border + i), ld(mixed + ((size_t)b * size + i) * 16) * scale);
        memset(xr, 0, 64 * (size_t)border), memset(xr + 16 * (border + size), 0, 64 * (size_t)border);
        if (row == 0) memset(plane, 0, 64 * (size_t)border * xw);
        if (row == size - 1) memset(plane + (size_t)(border + size) * xw * 16, 0, 64 * (size_t)border * xw);
    }
}

static void run_rgb(Net* n, int task, float* scratch) {
    const Layer* l = n->layers + n->nlayers - 1;
    const int w = l->out, r1 = imin(w, (task + 1) * l->rows);
    const ptrdiff_t xrow = (ptrdiff_t)w * 16;
    for (int r = task * l->rows; r < r1; r++) {
        conv_group(l->groups, n->x + r * xrow, xrow * w, xrow, l->nbi, 1, scratch, 0, w);
        for (int i = 0; i < w; i++)
            for (int c = 0; c < 3; c++) {
                float v = scratch[16 * i + c] + l->bias[c];
                v = (v > n->clamp ? n->clamp : v < -n->clamp ? -n->clamp : v) * n->output_scale;
                if (n->image) n->image[((size_t)c * w + r) * w + i] = v;
                v = v * 127.5f + 127.5f;
                v = v > 0 ? v < 255 ? v : 255 : 0;  // NaN is 0
                if (n->rgba) n->rgba[((size_t)r * w + i) * 4 + c] = (uint8_t)((v + 12582912.0f) - 12582912.0f);
            }
        if (n->rgba)
            for (int i = 0; i < w; i++) n->rgba[((size_t)r * w + i) * 4 + 3] = 255;
    }
}

// ------------------------------------------------------------------------------------------------------------- threads

static void run_task(Net* n, int phase, int task, int thread) {
    const Phase* p = n->phases + phase;
    switch (p->kind) {
        case STYLES: run_styles(n, task); break;
        case FOURIER: run_input(n, task, n->scratch[thread]); break;
        case CONV: run_conv(n, n->layers + p->layer, task); break;
        case FILTER: run_filter(n, p->layer, task, n->scratch[thread]); break;
        case RGB: run_rgb(n, task, n->scratch[thread]); break;
    }
}

static inline void pause_cpu(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void yield_cpu(void) {
#ifdef _WIN32
    SwitchToThread();
#else
    sched_yield();
#endif
}

static int claim_one(Net* n, int thread) {  // run one task of the present phase; 0 when none is left
    uint64_t c = __atomic_load_n(&n->claim, __ATOMIC_ACQUIRE);
    for (;;) {
        const int phase = (int)((c >> 24) % n->nphases), task = (int)(c & 0xffffff);
        if (task >= n->phases[phase].tasks) return 0;
        if (__atomic_compare_exchange_n(&n->claim, &c, c + 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            run_task(n, phase, task, thread);
            __atomic_fetch_add(&n->done, 1, __ATOMIC_RELEASE);
            return 1;
        }
    }
}

static void lock(Net* n) {
#ifdef _WIN32
    AcquireSRWLockExclusive(&n->lock);
#else
    pthread_mutex_lock(&n->lock);
#endif
}
static void unlock(Net* n) {
#ifdef _WIN32
    ReleaseSRWLockExclusive(&n->lock);
#else
    pthread_mutex_unlock(&n->lock);
#endif
}
static void wake_all(Net* n) {
#ifdef _WIN32
    WakeAllConditionVariable(&n->wake);
#else
    pthread_cond_broadcast(&n->wake);
#endif
}

struct Start {
    Net* net;
    int thread;
};

static void help(Net* n, int thread) {
    for (int idle = 0;;) {
        if (claim_one(n, thread)) {
            idle = 0;
            continue;
        }
        if (__atomic_load_n(&n->active, __ATOMIC_ACQUIRE)) {  // another thread is at a phase's last task: soon there is more
            if (++idle < 2000) pause_cpu();
            else yield_cpu();
            continue;
        }
        lock(n);
        while (!n->active && !n->quit) {
#ifdef _WIN32
            SleepConditionVariableSRW(&n->wake, &n->lock, INFINITE, 0);
#else
            pthread_cond_wait(&n->wake, &n->lock);
#endif
        }
        const int quit = n->quit;
        unlock(n);
        if (quit) return;
        idle = 0;
    }
}

#ifdef _WIN32
static DWORD WINAPI helper(void* argument) {
#else
static void* helper(void* argument) {
#endif
    Start start = *(Start*)argument;
    free(argument);
    help(start.net, start.thread);
    return 0;
}

static void make_lock(Net* n) {
#ifdef _WIN32
    InitializeSRWLock(&n->lock);
    InitializeConditionVariable(&n->wake);
#else
    pthread_mutex_init(&n->lock, 0);
    pthread_cond_init(&n->wake, 0);
#endif
}

static void start_helpers(Net* n) {
    while (n->helpers < n->threads - 1) {  // fewer than asked for is only slower
        Start* s = (Start*)malloc(sizeof(Start));
        if (!s) return;
        s->net = n, s->thread = n->helpers + 1;
#ifdef _WIN32
        if (!(n->handles[n->helpers] = CreateThread(0, 0, helper, s, 0, 0))) {
#else
        if (pthread_create(&n->handles[n->helpers], 0, helper, s)) {
#endif
            free(s);
            return;
        }
        n->helpers++;
    }
}

static void set_active(Net* n, int active) {
    lock(n);
    __atomic_store_n(&n->active, active, __ATOMIC_RELEASE);
    if (active) wake_all(n);
    unlock(n);
}

// ----------------------------------------------------------------------------------------------------------- interface

struct LayerDesc {  // mirrored in fused.py
    int32_t cin, cout, in, out, k, up, fs, pad;
    float ema;
    int32_t reserved;
    const float *weight, *wsq, *affine, *affine_bias, *bias, *up_taps, *down_taps;
};
struct NetDesc {
    int32_t nlayers, w_dim, channels, size;
    float rate, bandwidth, clamp, output_scale;
    int32_t threads, reserved;
    const float *input_weight, *freqs, *phases, *input_affine, *input_affine_bias;
    const LayerDesc* layers;
};

EXPORT int sg3_abi(void) { return 1; }

EXPORT void sg3_destroy(Net* n) {
    lock(n);
    n->quit = 1;
    wake_all(n);
    unlock(n);
    for (int i = 0; i < n->helpers; i++) {
#ifdef _WIN32
        WaitForSingleObject(n->handles[i], INFINITE);
        CloseHandle(n->handles[i]);
#else
        pthread_join(n->handles[i], 0);
#endif
    }
    for (int i = 0; i < n->nallocated; i++) free(n->allocated[i]);
    free(n->allocated);
    free(n);
}

EXPORT Net* sg3_create(const NetDesc* d) {
    Net* n = (Net*)calloc(1, sizeof(Net));
    if (!n) return 0;
    make_lock(n);
    n->nlayers = d->nlayers, n->w_dim = d->w_dim, n->wp = pad16(d->w_dim);
    n->channels = d->channels, n->size = d->size, n->rate = d->rate, n->bandwidth = d->bandwidth;
    n->clamp = d->clamp, n->output_scale = d->output_scale, n->threads = imax(1, imin(64, d->threads));
    n->layers = (Layer*)take(n, sizeof(Layer) / 4 * d->nlayers + 16);
    n->phases = (Phase*)take(n, sizeof(Phase) / 4 * (2 * d->nlayers + 4));
    n->ws = (float*)take(n, (size_t)(d->nlayers + 1) * n->wp);
    if (n->failed) return sg3_destroy(n), (Net*)0;

    const int cp = pad16(d->channels);
    size_t xmax = 0, ymax = 0, scratch = 2 * cp + 2 * (size_t)cp * d->size;
    int nphases = 0;
    n->phases[nphases++] = Phase{STYLES, 0, d->nlayers + 1};
    n->phases[nphases++] = Phase{FOURIER, 0, d->size};
    for (int i = 0; i < d->nlayers; i++) {
        const LayerDesc* s = d->layers + i;
        Layer* l = n->layers + i;
        l->cin = s->cin, l->cout = s->cout, l->nbi = pad16(s->cin) / 16, l->nbo = pad16(s->cout) / 16;
        l->in = s->in, l->out = s->out, l->k = s->k, l->conv = s->in + s->k - 1, l->up = s->up, l->fs = s->fs, l->pad = s->pad;
        l->ema = s->ema, l->rgb = i == d->nlayers - 1;
        l->ngroups = split(l->nbo, 0);
        l->groups = (Group*)take(n, sizeof(Group) / 4 * l->ngroups + 16);
        if (n->failed) break;
        split(l->nbo, l->groups);
        for (int g = 0; g < l->ngroups; g++) pack(n, l->groups + g, s->weight, s->cout, s->cin, s->k);
        l->affine = copy(n, s->affine, s->cin, d->w_dim, s->cin, n->wp);
        l->affine_bias = copy(n, s->affine_bias, 1, s->cin, 1, s->cin);
        l->bias = copy(n, s->bias, 1, s->cout, 1, 16 * l->nbo);
        l->scale = (float*)take(n, 16 * l->nbi);
        l->demod = (float*)take(n, 16 * (l->nbo + l->nbi));
        const double row_macs = (double)l->conv * s->cin * s->k * s->k * 48;
        l->rows = imax(1, (int)(4e6 / row_macs));
        const size_t xw = s->in + 2 * (s->k - 1);
        if (xw * xw * 16 * l->nbi > xmax) xmax = xw * xw * 16 * l->nbi;
        if (l->rgb) {
            if (16 * (size_t)l->out > scratch) scratch = 16 * (size_t)l->out;
            n->phases[nphases++] = Phase{RGB, i, (l->out + l->rows - 1) / l->rows};
            continue;
        }
        l->wsq = copy(n, s->wsq, s->cout, s->cin, s->cout, 16 * l->nbi);
        l->up_taps = copy(n, s->up_taps, 1, s->up * s->fs, 1, s->up * s->fs);
        l->down_taps = copy(n, s->down_taps, 1, 2 * s->fs, 1, 2 * s->fs);
        l->tiles = (l->out + 63) / 64;
        l->tile = (l->out + l->tiles - 1) / l->tiles;
        l->strips = 1;
        while (l->nbo * l->tiles * l->strips < 3 * n->threads && l->out / l->strips > 24) l->strips++;
        l->strip = (l->out + l->strips - 1) / l->strips;
        if (filter_scratch(l) > scratch) scratch = filter_scratch(l);
        if ((size_t)l->conv * l->conv * 16 * l->nbo > ymax) ymax = (size_t)l->conv * l->conv * 16 * l->nbo;
        n->phases[nphases++] = Phase{CONV, i, l->ngroups * ((l->conv + l->rows - 1) / l->rows)};
        n->phases[nphases++] = Phase{FILTER, i, l->nbo * l->tiles * l->strips};
    }
    n->nphases = nphases;
    n->freqs = copy(n, d->freqs, 1, 2 * d->channels, 1, 2 * d->channels);
    n->phase0 = copy(n, d->phases, 1, d->channels, 1, d->channels);
    n->input_affine = copy(n, d->input_affine, 4, d->w_dim, 4, n->wp);
    n->input_affine_bias = copy(n, d->input_affine_bias, 1, 4, 1, 4);
    n->sin_x = (float*)take(n, (size_t)cp * d->size), n->cos_x = (float*)take(n, (size_t)cp * d->size);
    n->freq_y = (float*)take(n, cp), n->phase = (float*)take(n, cp), n->fade = (float*)take(n, cp);
    n->input_ngroups = split(cp / 16, 0);
    if (n->input_ngroups > 64) n->failed = 1;
    else {
        split(cp / 16, n->input_groups);
        for (int g = 0; g < n->input_ngroups; g++) pack(n, n->input_groups + g, d->input_weight, d->channels, d->channels, 1);
    }
    n->x = (float*)take(n, xmax), n->y = (float*)take(n, ymax);
    for (int t = 0; t < n->threads; t++) n->scratch[t] = (float*)take(n, scratch);
    n->claim = 0xffffff;
    if (n->failed) return sg3_destroy(n), (Net*)0;
    start_helpers(n);
    return n;
}

// ws [nlayers + 1][w_dim], transform [3][3] -> image [3][size][size] and / or rgba [size][size][4]; one caller at a time
EXPORT void sg3_render(Net* n, const float* ws, const float* transform, float* image, uint8_t* rgba) {
    for (int i = 0; i <= n->nlayers; i++) memcpy(n->ws + (size_t)i * n->wp, ws + (size_t)i * n->w_dim, 4 * (size_t)n->w_dim);
    n->transform = transform, n->image = image, n->rgba = rgba;
    uint64_t seq = n->claim >> 24;
    seq += n->nphases - seq % n->nphases;  // phase 0 of the next round
    if (n->helpers) set_active(n, 1);
    for (int p = 0; p < n->nphases; p++, seq++) {
        __atomic_store_n(&n->done, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&n->claim, seq << 24, __ATOMIC_RELEASE);
        while (claim_one(n, 0)) {}
        for (int spins = 0; __atomic_load_n(&n->done, __ATOMIC_ACQUIRE) < (uint32_t)n->phases[p].tasks;)
            if (++spins < 2000) pause_cpu();
            else yield_cpu();
    }
    if (n->helpers) set_active(n, 0);
}
