// Filtered leaky ReLU: down(clamp(lrelu(up(x * demod + bias)) * gain)) * style, NHWC, one launch.
//
// Specialised by -D (fir.py says all of them): UP, DOWN, PAD, UP_TAPS and DOWN_TAPS (how many), ACROSS and ALONG (the up
// filter flipped, ALONG with the gain), RANK, DOWN_ACROSS and DOWN_ALONG (flipped, RANK * DOWN_TAPS), FOLD (DOWN_ACROSS
// is symmetric), SLOPE, CLAMP (if any), ITEM, CHANNELS, LANES, STRIPS, WIDE, UNROLL, RESIDENT.
//
// A block has LANES channels by STRIPS strips of WIDE output columns. A thread keeps its strip's last rows, widened
// across, in registers; makes the activated rows that the next input row completes; shows them to its neighbours to the
// left; and scatters what it narrows across into the output rows that are open. Nothing is at the high rate but a line.

#ifndef FIR_HOST  // host.h supplies these elsewhere
typedef unsigned short half;
#define KERNEL extern "C" __global__ void __launch_bounds__(LANES* STRIPS, RESIDENT)
#define SHARED(name, count) __shared__ float name[count]
__device__ __forceinline__ float widened(float v) { return v; }
__device__ __forceinline__ float widened(half v) {
    float f;
    asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(v));
    return f;
}
__device__ __forceinline__ void narrowed(float v, float& to) { to = v; }
__device__ __forceinline__ void narrowed(float v, half& to) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(to) : "f"(v)); }
#endif

typedef ITEM item;

constexpr int SPAN = (UP_TAPS + UP - 1) / UP;                   // inputs that an activated sample is made of
constexpr int COLUMNS = WIDE * DOWN;                            // activated, that a strip owns
constexpr int GROUPS = COLUMNS / UP;                            // of UP samples that are made of the same inputs
constexpr int INPUTS = GROUPS + SPAN - 1;                       // columns a strip reads
constexpr int SKIP = (-(PAD + 1) % UP + UP) % UP;                // samples of the first group that come too early
constexpr int NEEDED = SKIP + (WIDE - 1) * DOWN + DOWN_TAPS;    // activated columns that a strip's outputs see
constexpr int HELPERS = NEEDED > COLUMNS ? (NEEDED - 1) / COLUMNS : 0;  // strips at the right that only help
constexpr int PITCH = COLUMNS * LANES + ((1 - COLUMNS) * LANES % 32 + 32) % 32;  // = LANES mod 32: threads in order hit banks in order
constexpr int BATCH = UP % 2 ? 1 : 2;                           // lines between two barriers
constexpr int LINE = STRIPS * PITCH;
constexpr int ADVANCE = UNROLL * UP / DOWN;                     // output rows that a turn of the loop completes
constexpr int OLDEST = -((SKIP + DOWN_TAPS - 1) / DOWN);        // the first open row, relative to those
constexpr int OPEN = (UNROLL * UP - 1 - SKIP) / DOWN - OLDEST + 1;

static_assert(COLUMNS % UP == 0 && UNROLL * UP % DOWN == 0 && INPUTS <= 32, "the strip does not fit the rates");

KERNEL fir(const item* __restrict__ x, const float* __restrict__ demod, const float* __restrict__ bias, const float* __restrict__ style,
           item* __restrict__ out, int height, int width, int out_height, int out_width, int band) {
    constexpr float across[] = {ACROSS}, along[] = {ALONG}, down_across[] = {DOWN_ACROSS}, down_along[] = {DOWN_ALONG};
    SHARED(lines, 2 * BATCH * LINE);
    const int lane = threadIdx.x % LANES, strip = threadIdx.x / LANES, channel = blockIdx.y * LANES + lane;
    const int column = blockIdx.x * ((STRIPS - HELPERS) * WIDE) + strip * WIDE;  // the first output of the strip
    const int top = blockIdx.z * band, rows = min(band, out_height - top);
    // groups g are made of inputs g .. g + SPAN - 1; both divisions leave nothing: band * DOWN is a multiple of UP
    const int first = (DOWN * column - SKIP - PAD - 1) / UP + 1;
    int row = (DOWN * top - SKIP - PAD - 1) / UP + 1;
    const bool real = channel < CHANNELS, helps = strip >= STRIPS - HELPERS;

    unsigned inside = 0;  // which of its columns lie in the picture
#pragma unroll
    for (int j = 0; j < INPUTS; j++) inside |= unsigned(real && first + j >= 0 && first + j < width) << j;
    const bool whole = inside == 0xffffffffu >> (32 - INPUTS);
    const float d = real ? demod[channel] : 0, b = real ? bias[channel] : 0, scale = real ? style[channel] : 0;

    item raw[INPUTS];  // a row ahead
    bool there;
    auto fetch = [&](int from) {
        const item* line = x + ((long long)from * width + first) * CHANNELS + channel;
        there = from >= 0 && from < height;
        if (there && whole) {
#pragma unroll
            for (int j = 0; j < INPUTS; j++) raw[j] = line[j * CHANNELS];
        } else {
#pragma unroll
            for (int j = 0; j < INPUTS; j++) raw[j] = there && (inside >> j & 1) ? line[j * CHANNELS] : item(0);
        }
    };
    auto widen = [&](float* to) {  // COLUMNS of what was fetched; outside is 0, not bias
        float in[INPUTS];
        if (there && whole) {
#pragma unroll
            for (int j = 0; j < INPUTS; j++) in[j] = widened(raw[j]) * d + b;
        } else {
#pragma unroll
            for (int j = 0; j < INPUTS; j++) in[j] = widened(raw[j]) * d + (there && (inside >> j & 1) ? b : 0.f);
        }
#pragma unroll
        for (int i = 0; i < COLUMNS; i++) {
            float v = 0;
#pragma unroll
            for (int j = 0; j < SPAN; j++) {
                const int k = UP - 1 - i % UP + j * UP;
                if (k < UP_TAPS) v += in[i / UP + j] * across[k];
            }
            to[i] = v;
        }
    };

    float ring[SPAN - 1 + UNROLL][COLUMNS] = {};  // input rows, widened
    float open[OPEN][WIDE] = {};                  // output rows that are not complete
    fetch(row);
#pragma unroll 1
    for (int j = 1; j < SPAN; j++) {
#pragma unroll
        for (int i = 0; i + 1 < SPAN - 1; i++)
#pragma unroll
            for (int c = 0; c < COLUMNS; c++) ring[i][c] = ring[i + 1][c];
        widen(ring[SPAN > 1 ? SPAN - 2 : 0]);
        fetch(++row);
    }
    int buffer = 0, done = OLDEST;
    const int turns = (DOWN * (rows - 1) + DOWN_TAPS + SKIP + UP * UNROLL - 1) / (UP * UNROLL);
#pragma unroll 1
    for (int turn = 0; turn < turns; turn++) {
#pragma unroll
        for (int u = 0; u < UNROLL; u++) {
            widen(ring[u + SPAN - 1]);
            fetch(++row);
#pragma unroll
            for (int s = 0; s < UP; s += BATCH) {
                float own[BATCH][COLUMNS];
                const int mine = buffer + strip * PITCH + lane;
#pragma unroll
                for (int m = 0; m < BATCH; m++)
#pragma unroll
                    for (int c = 0; c < COLUMNS; c++) {
                        float v = 0;
#pragma unroll
                        for (int j = 0; j < SPAN; j++) {
                            const int k = UP - 1 - (s + m) + j * UP;
                            if (k < UP_TAPS) v += ring[u + j][c] * along[k];
                        }
#ifdef CLAMPED
                        v = __saturatef(v) - __saturatef(v * -(SLOPE));  // in units of the clamp: both sides for nothing
#else
                        v = fmaxf(v, v * SLOPE);
#endif
                        own[m][c] = v;
                        if (HELPERS) lines[mine + m * LINE + c * LANES] = v;
                    }
                __syncthreads();  // one is enough: a line is written again only after the next
                if (!helps) {
#pragma unroll
                    for (int m = 0; m < BATCH; m++) {
                        float seen[NEEDED];
#pragma unroll
                        for (int p = 0; p < NEEDED; p++)
                            seen[p] = p < COLUMNS ? own[m][p] : lines[mine + m * LINE + p / COLUMNS * PITCH + p % COLUMNS * LANES];
#pragma unroll
                        for (int c = 0; c < WIDE; c++) {
                            const float* at = seen + SKIP + c * DOWN;
                            float pair[DOWN_TAPS];
#pragma unroll
                            for (int k = 0; k < DOWN_TAPS / 2; k++) pair[k] = at[k] + at[DOWN_TAPS - 1 - k];
                            if (DOWN_TAPS % 2) pair[DOWN_TAPS / 2] = at[DOWN_TAPS / 2];
#pragma unroll
                            for (int r = 0; r < RANK; r++) {
                                float v = 0;
#pragma unroll
                                for (int k = 0; k < (FOLD ? (DOWN_TAPS + 1) / 2 : DOWN_TAPS); k++)
                                    v += (FOLD ? pair[k] : at[k]) * down_across[r * DOWN_TAPS + k];
#pragma unroll
                                for (int q = 0; q < OPEN; q++) {
                                    const int k = u * UP + s + m - SKIP - DOWN * (OLDEST + q);
                                    if (k < 0 || k >= DOWN_TAPS) continue;
                                    if (k == 0 && r == 0) open[q][c] = v * down_along[0];
                                    else open[q][c] += v * down_along[r * DOWN_TAPS + k];
                                }
                            }
                        }
#pragma unroll
                        for (int q = 0; q < OPEN; q++) {
                            if (u * UP + s + m - SKIP - DOWN * (OLDEST + q) != DOWN_TAPS - 1 || done + q < 0 || done + q >= rows) continue;
                            item* to = out + ((long long)(top + done + q) * out_width + column) * CHANNELS + channel;
                            if (real && column + WIDE <= out_width) {
#pragma unroll
                                for (int c = 0; c < WIDE; c++) narrowed(open[q][c] * scale, to[c * CHANNELS]);
                            } else {
#pragma unroll
                                for (int c = 0; c < WIDE; c++)
                                    if (real && column + c < out_width) narrowed(open[q][c] * scale, to[c * CHANNELS]);
                            }
                        }
                    }
                }
                buffer = BATCH * LINE - buffer;
            }
        }
        done += ADVANCE;
#pragma unroll
        for (int q = 0; q + ADVANCE < OPEN; q++)
#pragma unroll
            for (int c = 0; c < WIDE; c++) open[q][c] = open[q + ADVANCE][c];
#pragma unroll
        for (int j = 0; j < SPAN - 1; j++)
#pragma unroll
            for (int c = 0; c < COLUMNS; c++) ring[j][c] = ring[j + UNROLL][c];
    }
}
