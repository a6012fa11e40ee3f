// Runs a library of the fused kernel where no Python is: under an emulator, or as another system's program.
// foreign_kernels LIBRARY NETWORK PICTURES THREADS PAINTERS: paints what foreign_kernels.py dumped, leaves float32 pictures, one
// line of JSON on standard output.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <chrono>
#include <thread>
#include <vector>

#ifdef _WIN32
#include <windows.h>
static void* open_library(const char* path) { return (void*)LoadLibraryA(path); }
static void* find(void* library, const char* name) { return (void*)GetProcAddress((HMODULE)library, name); }
#else
#include <dlfcn.h>
static void* open_library(const char* path) { return dlopen(path, RTLD_NOW | RTLD_LOCAL); }
static void* find(void* library, const char* name) { return dlsym(library, name); }
#endif

typedef std::chrono::steady_clock Clock;

struct Library {
    int (*abi)(void);
    void* (*create)(const void* desc);
    void (*destroy)(void* net);
    void (*render)(void* net, const float* ws, const float* transform, float* image, uint8_t* rgba);
    int (*phases)(const void* net, int32_t* kinds, int32_t* layers);
    void (*time)(void* net, double* times);
};

struct Head {  // of the file; offsets are from its beginning
    int64_t pointers, pointers_at, net_at, threads_at, transform_at, pictures, ws_at, ws_floats, size;
};

struct Case {
    std::vector<char> bytes;
    Head head;
    Library lib;

    void* painter(int threads) {
        *(int32_t*)(bytes.data() + head.threads_at) = threads;
        return lib.create(bytes.data() + head.net_at);
    }
    void paint(void* net, int picture, float* image, uint8_t* rgba) {
        const float* ws = (const float*)(bytes.data() + head.ws_at) + picture * head.ws_floats;
        lib.render(net, ws, (const float*)(bytes.data() + head.transform_at), image, rgba);
    }
    size_t floats() const { return (size_t)3 * head.size * head.size; }
};

static bool read(const char* path, Case& c) {
    FILE* f = fopen(path, "rb");
    if (!f) return false;
    char part[65536];
    for (size_t n; (n = fread(part, 1, sizeof part, f));) c.bytes.insert(c.bytes.end(), part, part + n);
    fclose(f);
    memcpy(&c.head, c.bytes.data(), sizeof c.head);
    const int64_t* at = (const int64_t*)(c.bytes.data() + c.head.pointers_at);
    for (int64_t i = 0; i < c.head.pointers; i++) *(uint64_t*)(c.bytes.data() + at[i]) += (uint64_t)(uintptr_t)c.bytes.data();
    return true;
}

int main(int argc, char** argv) {
    if (argc != 6) return fprintf(stderr, "LIBRARY NETWORK PICTURES THREADS PAINTERS\n"), 2;
    const int threads = atoi(argv[4]), each = atoi(argv[5]);
    Case c;
    if (!read(argv[2], c)) return fprintf(stderr, "%s is not there\n", argv[2]), 1;
    void* library = open_library(argv[1]);
    if (!library) return fprintf(stderr, "%s does not load\n", argv[1]), 1;
    *(void**)&c.lib.abi = find(library, "sg3_abi"), *(void**)&c.lib.create = find(library, "sg3_create");
    *(void**)&c.lib.destroy = find(library, "sg3_destroy"), *(void**)&c.lib.render = find(library, "sg3_render");
    *(void**)&c.lib.phases = find(library, "sg3_phases"), *(void**)&c.lib.time = find(library, "sg3_time");
    if (!c.lib.abi || !c.lib.create || !c.lib.destroy || !c.lib.render || !c.lib.phases || !c.lib.time) return fprintf(stderr, "a function is missing\n"), 1;

    const int pictures = (int)c.head.pictures;
    std::vector<float> first(c.floats() * pictures), image(c.floats());
    std::vector<uint8_t> rgba((size_t)4 * c.head.size * c.head.size);
    void* net = c.painter(threads);
    if (!net) return fprintf(stderr, "no network\n"), 1;
    for (int p = 0; p < pictures; p++) c.paint(net, p, first.data() + p * c.floats(), rgba.data());
    int opaque = 1;
    for (size_t i = 3; i < rgba.size(); i += 4) opaque &= rgba[i] == 255;

    // the same bits with any number of threads
    int same = 1;
    const int counts[] = {1, 2, 3, 7};
    for (int n : counts) {
        void* other = c.painter(n);
        for (int p = 0; p < pictures; p++) {
            c.paint(other, p, image.data(), 0);
            same &= !memcmp(image.data(), first.data() + p * c.floats(), 4 * c.floats());
        }
        c.lib.destroy(other);
    }

    // three callers make and drop painters at once
    int painters[3] = {}, alike[3] = {1, 1, 1};
    std::vector<std::thread> callers;
    for (int t = 0; t < 3; t++)
        callers.emplace_back([&, t] {
            Case own = c;  // the description's pointers still lead into c, which nobody changes meanwhile
            std::vector<float> got(c.floats());
            for (int i = 0; i < each; i++) {
                void* mine = own.painter(1 + (i + t) % 4);
                own.paint(mine, i % pictures, got.data(), 0);
                alike[t] &= !memcmp(got.data(), first.data() + i % pictures * c.floats(), 4 * c.floats());
                own.lib.destroy(mine);
                painters[t]++;
            }
        });
    for (std::thread& t : callers) t.join();

    // milliseconds of a picture, and what its phases add up to
    const int n = c.lib.phases(net, 0, 0);
    std::vector<double> times(n);
    c.lib.time(net, times.data());
    double best = 1e9, sum = 0;
    const Clock::time_point until = Clock::now() + std::chrono::seconds(1);
    do {
        const Clock::time_point began = Clock::now();
        c.paint(net, 0, image.data(), 0);
        const double ms = std::chrono::duration<double, std::milli>(Clock::now() - began).count();
        if (ms < best) {
            best = ms, sum = 0;
            for (double t : times) sum += t;
        }
    } while (Clock::now() < until);
    c.lib.time(net, 0);
    c.lib.destroy(net);

    FILE* f = fopen(argv[3], "wb");
    if (!f || fwrite(first.data(), 4, first.size(), f) != first.size() || fclose(f)) return fprintf(stderr, "%s cannot be written\n", argv[3]), 1;

    // helpers that wait must cost nothing: whoever started this program reads its processor time
    void* idle = c.painter(threads);
    c.paint(idle, 0, image.data(), 0);
    printf("{\"abi\": %d, \"opaque\": %d, \"same_bits\": %d, \"painters\": %d, \"alike\": %d, \"ms\": %.3f, \"phases_ms\": %.3f}\n", c.lib.abi(), opaque, same,
           painters[0] + painters[1] + painters[2], alike[0] & alike[1] & alike[2], best, sum);
    fflush(stdout);
    std::this_thread::sleep_for(std::chrono::seconds(2));
    c.lib.destroy(idle);
    return 0;
}
