// y -> down(leaky_relu(up(y * scale + bias))), channels last, and its adjoint, for training on a CPU.
// One template serves both: the adjoint of (up U, signs, down D) is (up D', the same signs, down U').
// Sixteen channels at a time; the signs of the leaky ReLU are kept as one bit each.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

typedef float Lane __attribute__((vector_size(64)));
typedef float LooseLane __attribute__((vector_size(64), aligned(4)));
typedef int32_t Mask __attribute__((vector_size(64)));
constexpr int kLane = 16, kTaps = 6;

inline Lane load(const float* p) { return *reinterpret_cast<const LooseLane*>(p); }
inline void store(float* p, Lane v) { *reinterpret_cast<LooseLane*>(p) = v; }

inline uint16_t positive(Lane v) {
    uint16_t m = 0;
    for (int i = 0; i < kLane; i++) m |= static_cast<uint16_t>(v[i] > 0) << i;
    return m;
}

inline Lane pick(uint16_t bits, Lane a, Lane b) {
    const Mask one = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
    const Mask on = ((Mask{} + bits) & one) != 0;
    return on ? a : b;
}

inline int ceil_div(int a, int b) { return a >= 0 ? (a + b - 1) / b : -((-a) / b); }

struct Job {
    const float *x, *scale, *bias, *y0, *up_taps, *down_taps;
    float *out, *sums;
    uint16_t* signs;
    int channels, in_size, out_size, pad, first, act_size;
    float gain, slope;
    int begin, end;  // of samples * channels / 16
};

template <int UP, int DOWN, bool ADJOINT>
void run(const Job& j) {
    constexpr int DT = kTaps * DOWN;
    const int C = j.channels, blocks = C / kLane, ow = j.out_size, iw = j.in_size, A = j.act_size;
    const int act = DOWN * (ow - 1) + DT;
    float cu[UP][kTaps], cd[DT];
    for (int p = 0; p < UP; p++)
        for (int k = 0; k < kTaps; k++) cu[p][k] = j.up_taps[UP * kTaps - 1 - (p + k * UP)];
    for (int k = 0; k < DT; k++) cd[k] = j.down_taps[DT - 1 - k];
    std::vector<int> from(act), phase(act);
    const int low = ceil_div(j.first - j.pad, UP);
    int width = 0;
    for (int n = 0; n < act; n++) {
        const int m = ceil_div(j.first + n - j.pad, UP);
        phase[n] = m * UP - (j.first + n) + j.pad;
        from[n] = m - low;
        width = std::max(width, from[n] + kTaps);
    }
    std::vector<float> memory(static_cast<size_t>(kLane) * (width + (kTaps + 2) * static_cast<size_t>(act) + DT * static_cast<size_t>(ow)) + 64);
    float* row = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) & ~uintptr_t(63));
    float *wide = row + kLane * width, *acted = wide + kLane * static_cast<size_t>(kTaps) * act, *narrow = acted + kLane * act;
    float* zero = narrow + kLane * static_cast<size_t>(DT) * ow;
    memset(zero, 0, sizeof(float) * kLane * act);
    for (int t = j.begin; t < j.end; t++) {
        const int b = t % blocks, s = t / blocks;
        const float* xs = j.x + static_cast<size_t>(s) * iw * iw * C + kLane * b;
        float* zs = j.out + static_cast<size_t>(s) * ow * ow * C + kLane * b;
        const float* ys = ADJOINT ? j.y0 + static_cast<size_t>(s) * ow * ow * C + kLane * b : nullptr;
        uint16_t* signs = j.signs ? j.signs + (static_cast<size_t>(s) * blocks + b) * A * A : nullptr;
        const Lane scale = load(j.scale + static_cast<size_t>(s) * C + kLane * b);
        const Lane bias = ADJOINT ? Lane{} : load(j.bias + kLane * b);
        const Lane high = Lane{} + j.gain, small = Lane{} + j.gain * j.slope;
        Lane sum{}, sum_y{};
        int have = -1000000;
        for (int r = 0; r < act; r++) {
            const int ar = j.first + r, m0 = ceil_div(ar - j.pad, UP), p = m0 * UP - ar + j.pad;
            for (int m = std::max(m0, have + 1); m < m0 + kTaps; m++) {
                have = m;
                if (m < 0 || m >= iw) continue;
                const float* xr = xs + static_cast<size_t>(m) * iw * C;
                for (int i = 0; i < width; i++) {
                    const int c = low + i;
                    Lane v{};
                    if (c >= 0 && c < iw) {
                        v = load(xr + static_cast<size_t>(c) * C);
                        if (!ADJOINT) v = v * scale + bias;
                    }
                    store(row + kLane * i, v);
                }
                float* to = wide + kLane * static_cast<size_t>(m % kTaps) * act;
                for (int n = 0; n < act; n++) {
                    const float *ip = row + kLane * from[n], *c = cu[phase[n]];
                    Lane a = load(ip) * c[0];
                    for (int k = 1; k < kTaps; k++) a += load(ip + kLane * k) * c[k];
                    store(to + kLane * n, a);
                }
            }
            float* down = narrow + kLane * static_cast<size_t>(r % DT) * ow;
            if (ADJOINT && (ar < 0 || ar >= A)) {
                memset(down, 0, sizeof(float) * kLane * ow);
            } else {
                const float* rows[kTaps];
                for (int k = 0; k < kTaps; k++) {
                    const int m = m0 + k;
                    rows[k] = (m < 0 || m >= iw) ? zero : wide + kLane * static_cast<size_t>(m % kTaps) * act;
                }
                const float* c = cu[p];
                uint16_t* bits = signs ? signs + static_cast<size_t>(ar) * A : nullptr;
                for (int n = 0; n < act; n++) {
                    const int ac = j.first + n;
                    if (ADJOINT && (ac < 0 || ac >= A)) {
                        store(acted + kLane * n, Lane{});
                        continue;
                    }
                    Lane a = load(rows[0] + kLane * n) * c[0];
                    for (int k = 1; k < kTaps; k++) a += load(rows[k] + kLane * n) * c[k];
                    uint16_t on;
                    if (ADJOINT) {
                        on = bits[ac];
                    } else {
                        on = positive(a);
                        if (bits) bits[ac] = on;
                    }
                    store(acted + kLane * n, a * pick(on, high, small));
                }
                for (int n = 0; n < ow; n++) {
                    const float* yp = acted + kLane * DOWN * n;
                    Lane a = load(yp) * cd[0], a2 = load(yp + kLane) * cd[1];
                    for (int k = 2; k < DT; k += 2) {
                        a += load(yp + kLane * k) * cd[k];
                        a2 += load(yp + kLane * (k + 1)) * cd[k + 1];
                    }
                    store(down + kLane * n, a + a2);
                }
            }
            const int past = r - (DT - 1);
            if (past < 0 || past % DOWN) continue;
            const int o = past / DOWN;
            const float* rows[DT];
            for (int k = 0; k < DT; k++) rows[k] = narrow + kLane * static_cast<size_t>((past + k) % DT) * ow;
            float* zr = zs + static_cast<size_t>(o) * ow * C;
            for (int n = 0; n < ow; n++) {
                Lane a = load(rows[0] + kLane * n) * cd[0], a2 = load(rows[1] + kLane * n) * cd[1];
                for (int k = 2; k < DT; k += 2) {
                    a += load(rows[k] + kLane * n) * cd[k];
                    a2 += load(rows[k + 1] + kLane * n) * cd[k + 1];
                }
                a += a2;
                if (ADJOINT) {
                    sum += a;
                    sum_y += a * load(ys + (static_cast<size_t>(o) * ow + n) * C);
                    a *= scale;
                }
                store(zr + static_cast<size_t>(n) * C, a);
            }
        }
        if (ADJOINT) {
            store(j.sums + static_cast<size_t>(s) * 2 * C + kLane * b, sum);
            store(j.sums + static_cast<size_t>(s) * 2 * C + C + kLane * b, sum_y);
        }
    }
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void flrelu_forward(const Job* j, int up) {
    up == 4 ? run<4, 2, false>(*j) : run<2, 2, false>(*j);
}

extern "C" __attribute__((visibility("default"))) void flrelu_adjoint(const Job* j, int up) {
    up == 4 ? run<2, 4, true>(*j) : run<2, 2, true>(*j);
}
