// What CUDA gives a kernel, for a processor: so that the text that ships is the text that is tested.
//
// A thread of a block is a coroutine. All run to the same barrier, one after the other, before any goes on; so a kernel
// works here only if it is right whatever the order. Shared memory watches itself: for each word, who wrote and who read
// it since the last barrier. What would be a race on a device, a word that nobody wrote, an index outside and a barrier
// that not all threads reach each end the launch with a number of their own.
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace std {  // what a compiler asks of <coroutine>: zig brings C++'s headers only with C++'s library, which takes a minute
template <class R, class...>
struct coroutine_traits {
    using promise_type = typename R::promise_type;
};
template <class P = void>
struct coroutine_handle;
template <>
struct coroutine_handle<void> {
    void* at = nullptr;
    static coroutine_handle from_address(void* at) noexcept { return {at}; }
};
template <class P>
struct coroutine_handle {
    void* at = nullptr;
    static coroutine_handle from_address(void* at) noexcept { return {at}; }
    static coroutine_handle from_promise(P& p) { return {__builtin_coro_promise(&p, alignof(P), true)}; }
    operator coroutine_handle<>() const noexcept { return {at}; }
    void resume() const { __builtin_coro_resume(at); }
    void destroy() const { __builtin_coro_destroy(at); }
    bool done() const { return __builtin_coro_done(at); }
};
struct suspend_always {
    bool await_ready() const noexcept { return false; }
    void await_suspend(coroutine_handle<>) const noexcept {}
    void await_resume() const noexcept {}
};
}  // namespace std

#define FIR_HOST
#define KERNEL static Fibre
#define SHARED(name, count) Shared name(count)
#define __syncthreads() co_await std::suspend_always {}

typedef uint16_t half;

enum { FINE, RACE, NEVER_WRITTEN, OUTSIDE, DIVERGED, NO_MEMORY };

struct Index {
    unsigned x, y, z;
};
static Index threadIdx, blockIdx, blockDim, gridDim;

struct Word {
    float value;
    int writer, written, reader, read;  // which thread, and in which stretch between barriers; none: -1, several: -2
};

static struct Block {
    enum { WORDS = 1 << 16 };  // 4 bytes each would be more than any device has
    Word words[WORDS];
    int stretch, verdict;
} block;

static inline void judge(int verdict) {
    if (block.verdict == FINE) block.verdict = verdict;
}

struct Shared {
    const int count;
    explicit Shared(int count) : count(count) {
        if (count > Block::WORDS) judge(NO_MEMORY);
    }
    struct Reference {
        Word& word;
        operator float() const {
            const int me = threadIdx.x;
            if (word.written < 0) judge(NEVER_WRITTEN);
            if (word.written == block.stretch && word.writer != me) judge(RACE);
            word.reader = word.read == block.stretch && word.reader != me ? -2 : me, word.read = block.stretch;
            return word.value;
        }
        void operator=(float value) {
            const int me = threadIdx.x;
            if (word.written == block.stretch && word.writer != me) judge(RACE);
            if (word.read == block.stretch && word.reader != me) judge(RACE);
            word = {value, me, block.stretch, word.reader, word.read};
        }
    };
    Reference operator[](int i) const {
        if (i < 0 || i >= count) judge(OUTSIDE), i = 0;
        return {block.words[i]};
    }
};

struct Fibre {
    struct promise_type {
        static void* operator new(size_t bytes) noexcept { return malloc(bytes); }
        static void operator delete(void* at) noexcept { free(at); }
        static Fibre get_return_object_on_allocation_failure() { return {}; }
        Fibre get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { abort(); }
    };
    std::coroutine_handle<promise_type> thread;
};

// blocks one after the other, in the order of the grid
template <class... A, class... B>
static int launch(Fibre (*kernel)(A...), const int* grid, int threads, B... arguments) {
    Fibre* fibres = (Fibre*)calloc(threads, sizeof(Fibre));
    if (!fibres) return NO_MEMORY;
    block.verdict = FINE;
    gridDim = {unsigned(grid[0]), unsigned(grid[1]), unsigned(grid[2])}, blockDim = {unsigned(threads), 1, 1};
    for (blockIdx.z = 0; blockIdx.z < gridDim.z; blockIdx.z++)
        for (blockIdx.y = 0; blockIdx.y < gridDim.y; blockIdx.y++)
            for (blockIdx.x = 0; blockIdx.x < gridDim.x && block.verdict == FINE; blockIdx.x++) {
                for (int i = 0; i < Block::WORDS; i++) block.words[i] = {NAN, -1, -1, -1, -1};
                block.stretch = 0;
                for (int i = 0; i < threads; i++) {
                    fibres[i] = kernel(arguments...);
                    if (!fibres[i].thread.at) judge(NO_MEMORY);
                }
                for (int waiting = threads; waiting && block.verdict == FINE; block.stretch++) {
                    waiting = 0;
                    for (int i = 0; i < threads; i++) {
                        threadIdx = {unsigned(i), 0, 0};
                        fibres[i].thread.resume();
                        waiting += !fibres[i].thread.done();
                    }
                    if (waiting && waiting != threads) judge(DIVERGED);
                }
                for (int i = 0; i < threads; i++)
                    if (fibres[i].thread.at) fibres[i].thread.destroy();
            }
    free(fibres);
    return block.verdict;
}

static inline float __saturatef(float v) { return v > 0 ? v < 1 ? v : 1 : 0; }  // 0 for what is no number
static inline int min(int a, int b) { return a < b ? a : b; }
static inline float widened(float v) { return v; }
static inline void narrowed(float v, float& to) { to = v; }

static inline float widened(half h) {
    const uint32_t sign = uint32_t(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent == 0) return (sign ? -1 : 1) * ldexpf(float(fraction), -24);
    const uint32_t bits = sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static inline void narrowed(float v, half& to) {  // to nearest, ties to even, too large to infinity
    uint32_t bits;
    memcpy(&bits, &v, 4);
    const uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size > 0x7f800000) to = half(sign | 0x7fff);
    else if (size >= 0x477ff000) to = half(sign | 0x7c00);
    else if (size < 0x38800000) to = half(sign | uint32_t(nearbyintf(fabsf(v) * 16777216.f)));
    else to = half(sign | (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13);
}

#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif
