// What stands before and after the layers: styles, Fourier features, the picture.
#pragma once

#include "product.h"

static double place(const Net* n, int i) { return (i + 0.5 - 0.5 * n->size) / n->rate; }  // of a sample of the input, in pictures

static void run_styles(Net* n, int task) {
    if (n->still && (task < n->once || task == n->nlayers)) return;
    if (task < n->nlayers) {
        Layer* l = n->layers + task;
        const float* w = n->ws + (size_t)(task + 1) * n->wp;
        const int ci = 16 * l->nbi;
        double mean = 0;
        for (int c = 0; c < l->cin; c++) {
            const double style = dot(l->affine + (size_t)c * n->wp, w, n->wp) + l->affine_bias[c];
            l->scale[c] = (float)style, mean += style * style;
        }
        if (!l->rgb) {
            const float unit = (float)(1 / __builtin_sqrt(mean / l->cin));
            float* square = l->demod + 16 * l->nbo;
            for (int c = 0; c < l->cin; c++) l->scale[c] *= unit, square[c] = l->scale[c] * l->scale[c];
            for (int o = 0; o < l->cout; o++) l->demod[o] = (float)(1 / __builtin_sqrt(dot(l->wsq + (size_t)o * ci, square, ci) + 1e-8));
        }
        for (int c = 0; c < l->cin; c++) l->scale[c] *= l->ema;
        return;
    }
    // the Fourier features' frequencies and phases under w and the user's transform
    double t[4];
    for (int i = 0; i < 4; i++) t[i] = dot(n->input_affine + (size_t)i * n->wp, n->ws, n->wp) + n->input_affine_bias[i];
    const double unit = 1 / __builtin_sqrt(t[0] * t[0] + t[1] * t[1]), cs = t[0] * unit, sn = t[1] * unit, tx = -t[2] * unit, ty = -t[3] * unit;
    const double rt[2][3] = {{cs, -sn, cs * tx - sn * ty}, {sn, cs, sn * tx + cs * ty}};
    double m[2][3];
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++) m[i][j] = rt[i][0] * n->transform[j] + rt[i][1] * n->transform[3 + j] + rt[i][2] * n->transform[6 + j];
    for (int c = 0; c < n->channels; c++) {
        const double f0 = n->freqs[2 * c], f1 = n->freqs[2 * c + 1];
        const double fx = f0 * m[0][0] + f1 * m[1][0], fy = f0 * m[0][1] + f1 * m[1][1];
        const double fade = 1 - (__builtin_sqrt(fx * fx + fy * fy) - n->bandwidth) / (n->rate / 2 - n->bandwidth);
        n->fade[c] = fade < 0 ? 0 : fade > 1 ? 1 : (float)fade;
        n->freq_y[c] = fy, n->phase[c] = n->phase0[c] + f0 * m[0][2] + f1 * m[1][2];
        for (int i = 0; i < n->size; i++) {
            const double a = place(n, i) * fx;
            n->sin_x[i * pad16(n->channels) + c] = sin_turns(a), n->cos_x[i * pad16(n->channels) + c] = cos_turns(a);
        }
    }
}

static void run_input(Net* n, int row, float* scratch) {
    const int cp = pad16(n->channels), nb = cp / 16, size = n->size;
    float *sn = scratch, *cs = scratch + cp, *out = scratch + 2 * cp, *mixed = out + (size_t)cp * size;
    for (int c = 0; c < n->channels; c++) {
        const double a = place(n, row) * n->freq_y[c] + n->phase[c];
        sn[c] = sin_turns(a) * n->fade[c], cs[c] = cos_turns(a) * n->fade[c];
    }
    for (int c = n->channels; c < cp; c++) sn[c] = cs[c] = 0;
    for (int b = 0; b < nb; b++)
        for (int i = 0; i < size; i++)  // sin(ax + ay) is separable
            st(out + ((size_t)b * size + i) * 16, ld(sn + 16 * b) * ld(n->cos_x + (size_t)i * cp + 16 * b) + ld(cs + 16 * b) * ld(n->sin_x + (size_t)i * cp + 16 * b));
    const Layer* l = n->layers;
    const int border = l->k - 1, xw = size + 2 * border;
    for (int g = 0; g < n->input_ngroups; g++)
        product(n->input_groups[g].blocks, n->input_groups[g].weight, out, (ptrdiff_t)size * 16, nb, n->channels - cp + 16, mixed + (size_t)n->input_groups[g].block * size * 16, (ptrdiff_t)size * 16, size);
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

enum { KEPT_ROWS = 16 };  // of a task

// what is kept -> input of the first layer that hears w, which its styles scale
static void run_kept(Net* n, int task) {
    const Layer* l = n->layers + n->once;
    const int border = l->k - 1, xw = l->in + 2 * border, chunks = (xw + KEPT_ROWS - 1) / KEPT_ROWS, b = task / chunks;
    const v16 scale = ld(l->scale + 16 * b);
    const int r0 = task % chunks * KEPT_ROWS, r1 = imin(xw, r0 + KEPT_ROWS);
    for (int r = r0; r < r1; r++) {
        const ptrdiff_t at = ((ptrdiff_t)b * xw + r) * xw * 16;
        const int left = r < border || r >= border + l->in ? xw : border;  // zero whatever the style, even where that is no number
        memset(n->x + at, 0, 64 * (size_t)left);
        for (int i = left; i < xw - left; i++) st(n->x + at + 16 * i, ld(n->kept + at + 16 * i) * scale);
        if (left < xw) memset(n->x + at + 16 * (xw - left), 0, 64 * (size_t)left);
    }
}

static void run_rgb(Net* n, int task, float* scratch) {
    const Layer* l = n->layers + n->nlayers - 1;
    const int w = l->out, r1 = imin(w, (task + 1) * l->rows);
    const ptrdiff_t xrow = (ptrdiff_t)w * 16;
    for (int r = task * l->rows; r < r1; r++) {
        product(1, l->groups->weight, n->x + r * xrow, xrow * w, l->nbi, l->tail, scratch, 0, w);
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
