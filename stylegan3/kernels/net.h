// Vectors of 16 channels, and what a network is in memory.
#pragma once

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
#include <time.h>
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
enum { WIDEST = VL == 16 ? 3 : 1 };  // blocks of 16 output channels computed together

static inline v16 ld(const float* p) { return *(const v16*)p; }
static inline void st(float* p, v16 v) { *(v16*)p = v; }
static inline v16 max16(v16 a, v16 b) { return a > b ? a : b; }
static inline v16 min16(v16 a, v16 b) { return a < b ? a : b; }
static inline int imin(int a, int b) { return a < b ? a : b; }
static inline int imax(int a, int b) { return a > b ? a : b; }
static inline int cdiv(int a, int m) { return a >= 0 ? (a + m - 1) / m : -((-a) / m); }  // towards +infinity
static inline int pad16(int n) { return (n + 15) & ~15; }

// What every pixel depends on, styles and angles, is summed in double: it costs little, and halves a picture's error.
typedef double d16 __attribute__((vector_size(128)));

static double dot(const float* a, const float* b, int n16) {
    d16 s = {};
    for (int i = 0; i < n16; i += 16) s += __builtin_convertvector(ld(a + i), d16) * __builtin_convertvector(ld(b + i), d16);
    double sum = 0;
    for (int i = 0; i < 16; i++) sum += s[i];
    return sum;
}

// sin(2 pi t): whole turns off, folded to a quarter turn either side, Taylor to x^13 (error below float32's)
static float sin_turns(double turns) {
    const double magic = 6755399441055744.0;  // adding and taking 1.5 * 2^52 rounds to the nearest whole number
    float t = (float)(turns - ((turns + magic) - magic));
    if (t > 0.25f) t = 0.5f - t;
    if (t < -0.25f) t = -0.5f - t;
    const float x = 6.28318530717958648f * t, q = x * x;
    return x * (1 + q * (-1.0f / 6 + q * (1.0f / 120 + q * (-1.0f / 5040 + q * (1.0f / 362880 + q * (-1.0f / 39916800 + q / 6227020800.0f))))));
}
static float cos_turns(double t) { return sin_turns(t + 0.25); }

enum { MAX_RANK = 12 };  // of a filter of 12 x 12

struct Group {  // output channels computed together
    int block, blocks;
    float* weight;  // [16 * nbi][16 * blocks], for 3x3 once for each coefficient
};

struct Layer {
    int cin, cout, nbi, nbo, tail, in, out, conv, k, up, fs, pad, rank, rgb;  // tail: channels of the last input block
    float ema;  // magnitude_ema ^ -1/2
    Group* groups;
    int ngroups, rows;  // conv rows, or rows of Winograd's tiles, of a task
    int tile, tiles, strip, strips;
    float *wsq, *affine, *affine_bias, *bias, *up_taps, *down_columns, *down_rows;  // down: [rank][taps]
    float *scale, *demod;  // of the present picture, [16 nbi], [16 nbo]
};

enum Kind { STYLES, FOURIER, POINTWISE, WINOGRAD, FILTER, RGB, KEPT };
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
    // the first `once` layers are deaf to w: what they draw under one transform is kept, without the next layer's styles
    int once, kept_phase, has_kept, still, filling;  // of the present picture: nothing to draw but the rest; draw and keep
    float* kept;  // laid out as x
    float kept_for[9], last[9];  // the transform of what is kept, and of the last picture
    float *sin_x, *cos_x, *fade;  // Fourier features of the present picture
    double *freq_y, *phase;
    float* ws;
    float* scratch[64];
    // the present picture
    const float* transform;
    float* image;
    uint8_t* rgba;
    double* times;  // ms of each phase, when somebody asks
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
