// StyleGAN3-T synthesis for one picture at a time on a CPU: affines, Fourier features, convolutions, filtered leaky ReLU, RGB.
//
// Plain C interface (see the end), no C++ runtime, no libm, no allocation after sg3_create. One source, built once per
// instruction set. Everything is float32; activations lie in blocks of 16 channels: [channel / 16][row][column][16].
//
// A frame is a fixed list of phases, a phase a fixed list of tasks that threads claim one by one. A phase ends when its
// tasks are done, not when threads have arrived, so a helper that the system does not schedule delays nothing. A task's
// arithmetic does not depend on who runs it: pictures are identical to the bit whatever the number of threads.
//
// Layers at the beginning that are deaf to w draw the same until the transform changes. What they drew for the first
// picture, and whenever two pictures in a row stand alike, is kept; a frame then begins behind them. A picture that moves
// every frame is painted as if nothing were kept, at no cost. Kept or painted, the bits are the same.
#include "filter.h"
#include "picture.h"
#include "winograd.h"

// ------------------------------------------------------------------------------------------------------------- threads

static void run_task(Net* n, int phase, int task, int thread) {
    const Phase* p = n->phases + phase;
    switch (p->kind) {
        case STYLES: run_styles(n, task); break;
        case FOURIER: run_input(n, task, n->scratch[thread]); break;
        case POINTWISE: run_pointwise(n, n->layers + p->layer, task); break;
        case WINOGRAD: run_winograd(n, n->layers + p->layer, task, n->scratch[thread]); break;
        case FILTER: run_filter(n, p->layer, task, n->scratch[thread]); break;
        case RGB: run_rgb(n, task, n->scratch[thread]); break;
        case KEPT: run_kept(n, task); break;
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

static double now_ms(void) {
#ifdef _WIN32
    LARGE_INTEGER at, rate;
    QueryPerformanceCounter(&at), QueryPerformanceFrequency(&rate);
    return 1e3 * (double)at.QuadPart / (double)rate.QuadPart;
#else
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return 1e3 * (double)at.tv_sec + 1e-6 * (double)at.tv_nsec;
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
    int32_t rank;
    const float *weight, *wsq, *affine, *affine_bias, *bias, *up_taps, *down_columns, *down_rows;
};
struct NetDesc {
    int32_t nlayers, w_dim, channels, size;
    float rate, bandwidth, clamp, output_scale;
    int32_t threads, once;  // layers that are deaf to w, as the input is; 0 for none, ToRGB is never one
    const float *input_weight, *freqs, *phases, *input_affine, *input_affine_bias;
    const LayerDesc* layers;
};

EXPORT int sg3_abi(void) { return 4; }

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
    n->once = imax(0, imin(d->once, d->nlayers - 1));
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
        l->cin = s->cin, l->cout = s->cout, l->nbi = pad16(s->cin) / 16, l->nbo = pad16(s->cout) / 16, l->tail = s->cin - 16 * (l->nbi - 1);
        l->in = s->in, l->out = s->out, l->k = s->k, l->conv = s->in + s->k - 1, l->up = s->up, l->fs = s->fs, l->pad = s->pad;
        l->ema = s->ema, l->rgb = i == d->nlayers - 1;
        l->ngroups = split(l->nbo, 0);
        l->groups = (Group*)take(n, sizeof(Group) / 4 * l->ngroups + 16);
        if (n->failed) break;
        split(l->nbo, l->groups);
        for (int g = 0; g < l->ngroups; g++) (l->k == 3 ? pack_winograd : pack)(n, l->groups + g, s->weight, s->cout, s->cin);
        l->affine = copy(n, s->affine, s->cin, d->w_dim, s->cin, n->wp);
        l->affine_bias = copy(n, s->affine_bias, 1, s->cin, 1, s->cin);
        l->bias = copy(n, s->bias, 1, s->cout, 1, 16 * l->nbo);
        l->scale = (float*)take(n, 16 * l->nbi);
        l->demod = (float*)take(n, 16 * (l->nbo + l->nbi));
        const double row_macs = (double)l->conv * s->cin * 48;
        l->rows = imax(1, (int)(4e6 / row_macs));
        const size_t xw = s->in + 2 * (s->k - 1);
        if (xw * xw * 16 * l->nbi > xmax) xmax = xw * xw * 16 * l->nbi;
        if (n->once && i == n->once) {
            n->kept = (float*)take(n, xw * xw * 16 * l->nbi);
            n->kept_phase = nphases;
            n->phases[nphases++] = Phase{KEPT, i, l->nbi * (((int)xw + KEPT_ROWS - 1) / KEPT_ROWS)};
        }
        if (l->rgb) {
            if (16 * (size_t)l->out > scratch) scratch = 16 * (size_t)l->out;
            n->phases[nphases++] = Phase{RGB, i, (l->out + l->rows - 1) / l->rows};
            continue;
        }
        l->wsq = copy(n, s->wsq, s->cout, s->cin, s->cout, 16 * l->nbi);
        l->up_taps = copy(n, s->up_taps, 1, s->up * s->fs, 1, s->up * s->fs);
        l->rank = s->rank;
        l->down_columns = copy(n, s->down_columns, s->rank, 2 * s->fs, s->rank, 2 * s->fs);
        l->down_rows = copy(n, s->down_rows, s->rank, 2 * s->fs, s->rank, 2 * s->fs);
        l->tiles = (l->out + 95) / 96;
        l->tile = (l->out + l->tiles - 1) / l->tiles;
        l->strips = 1;
        while (l->nbo * l->tiles * l->strips < 3 * n->threads && l->out / l->strips > 24) l->strips++;
        l->strip = (l->out + l->strips - 1) / l->strips;
        if (filter_scratch(l) > scratch) scratch = filter_scratch(l);
        if ((size_t)l->conv * l->conv * 16 * l->nbo > ymax) ymax = (size_t)l->conv * l->conv * 16 * l->nbo;
        if (l->k == 3) {
            const int across = l->conv / 2;
            l->rows = imax(1, imin(WINOGRAD_TILES / across, across / (3 * n->threads)));
            if (winograd_scratch(l) > scratch) scratch = winograd_scratch(l);
            n->phases[nphases++] = Phase{WINOGRAD, i, (across + l->rows - 1) / l->rows};
        } else n->phases[nphases++] = Phase{POINTWISE, i, l->ngroups * ((l->conv + l->rows - 1) / l->rows)};
        n->phases[nphases++] = Phase{FILTER, i, l->nbo * l->tiles * l->strips};
    }
    n->nphases = nphases;
    n->freqs = copy(n, d->freqs, 1, 2 * d->channels, 1, 2 * d->channels);
    n->phase0 = copy(n, d->phases, 1, d->channels, 1, d->channels);
    n->input_affine = copy(n, d->input_affine, 4, d->w_dim, 4, n->wp);
    n->input_affine_bias = copy(n, d->input_affine_bias, 1, 4, 1, 4);
    n->sin_x = (float*)take(n, (size_t)cp * d->size), n->cos_x = (float*)take(n, (size_t)cp * d->size);
    n->freq_y = (double*)take(n, 2 * cp), n->phase = (double*)take(n, 2 * cp), n->fade = (float*)take(n, cp);
    n->input_ngroups = split(cp / 16, 0);
    if (n->input_ngroups > 64) n->failed = 1;
    else {
        split(cp / 16, n->input_groups);
        for (int g = 0; g < n->input_ngroups; g++) pack(n, n->input_groups + g, d->input_weight, d->channels, d->channels);
    }
    n->x = (float*)take(n, xmax), n->y = (float*)take(n, ymax);
    for (int t = 0; t < n->threads; t++) n->scratch[t] = (float*)take(n, scratch);
    n->claim = 0xffffff;
    if (n->failed) return sg3_destroy(n), (Net*)0;
    start_helpers(n);
    return n;
}

static int same(const float* a, const float* b) {  // 3x3, bit for bit: -0 is not 0, and what is no number is itself
    uint32_t apart = 0;
    for (int i = 0; i < 9; i++) {
        uint32_t p, q;
        memcpy(&p, a + i, 4), memcpy(&q, b + i, 4), apart |= p ^ q;
    }
    return !apart;
}

// ws [nlayers + 1][w_dim], transform [3][3] -> image [3][size][size] and / or rgba [size][size][4]; one caller at a time
EXPORT void sg3_render(Net* n, const float* ws, const float* transform, float* image, uint8_t* rgba) {
    // what is deaf is given zeros: 0 times what is no number would be none, and would be kept
    for (int i = n->once ? n->once + 1 : 0; i <= n->nlayers; i++) memcpy(n->ws + (size_t)i * n->wp, ws + (size_t)i * n->w_dim, 4 * (size_t)n->w_dim);
    n->transform = transform, n->image = image, n->rgba = rgba;
    if (n->once) {
        n->still = n->has_kept && same(transform, n->kept_for);
        n->filling = !n->has_kept || (!n->still && same(transform, n->last));
        memcpy(n->last, transform, sizeof n->last);
        if (n->filling) memcpy(n->kept_for, transform, sizeof n->kept_for), n->has_kept = 1;
    }
    uint64_t seq = n->claim >> 24;
    seq += n->nphases - seq % n->nphases;  // phase 0 of the next round
    if (n->helpers) set_active(n, 1);
    double began = n->times ? now_ms() : 0;
    for (int p = 0; p < n->nphases; p++) {
        if (n->once && (n->still ? p > 0 && p < n->kept_phase : p == n->kept_phase && !n->filling)) {
            if (n->times) n->times[p] = 0;
            continue;
        }
        __atomic_store_n(&n->done, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&n->claim, (seq + p) << 24, __ATOMIC_RELEASE);
        while (claim_one(n, 0)) {}
        for (int spins = 0; __atomic_load_n(&n->done, __ATOMIC_ACQUIRE) < (uint32_t)n->phases[p].tasks;)
            if (++spins < 2000) pause_cpu();
            else yield_cpu();
        if (n->times) {
            const double ended = now_ms();
            n->times[p] = ended - began, began = ended;
        }
    }
    if (n->helpers) set_active(n, 0);
}

// how many phases a picture has; kinds and layers, if given, take what each is
EXPORT int sg3_phases(const Net* n, int32_t* kinds, int32_t* layers) {
    for (int p = 0; kinds && layers && p < n->nphases; p++) kinds[p] = n->phases[p].kind, layers[p] = n->phases[p].layer;
    return n->nphases;
}

// from now on every picture leaves the milliseconds of its phases there, 0 of one it did without; 0 for nowhere
EXPORT void sg3_time(Net* n, double* times) { n->times = times; }
