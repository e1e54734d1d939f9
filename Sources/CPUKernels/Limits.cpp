// What the machine can do at most, measured on the threads that kernels use.

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <new>

#include "Kernels.h"
#include "include/CPUKernels.h"

namespace epas {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Where results go, so that they are computed.
static std::atomic<uint64_t> sink;

/// The best of several runs: others on the machine can only slow a run down.
template <class Element> static double arithmeticSpeed(double seconds) {
    // As many tasks as threads, each long enough that starting them costs nothing to speak of.
    const int64_t threads = ThreadPool::shared().threads();
    int64_t steps = 1 << 12;
    double best = 0;
    for (const Clock::time_point begin = Clock::now(); secondsSince(begin) < seconds;) {
        std::atomic<int64_t> operations{0};
        const Clock::time_point start = Clock::now();
        ThreadPool::shared().forEach(threads, [&](int64_t) {
            operations += typedRoutines<Element>().dotProducts(steps);
        });
        const double time = secondsSince(start);
        best = std::max(best, operations / time);
        if (time < seconds / 8) steps *= 2;
    }
    return best;
}

/// Adds up memory, so that every byte of it is read.
static uint64_t read(const char *from, int64_t bytes) {
    typedef uint64_t Words __attribute__((ext_vector_type(8), aligned(8)));
    const Words *words = reinterpret_cast<const Words *>(from);
    Words sums[4] = {0, 0, 0, 0};
    for (int64_t i = 0; i < bytes / static_cast<int64_t>(sizeof(Words)); i += 4) {
        for (int j = 0; j < 4; ++j) sums[j] += words[i + j];
    }
    const Words sum = sums[0] + sums[1] + sums[2] + sums[3];
    return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

/// The best of three runs.
static double readingSpeed(int64_t bytes) {
    constexpr int64_t piece = 1 << 18;
    const int64_t pieces = std::max<int64_t>(bytes / piece, 1);
    const std::unique_ptr<char[]> memory(new (std::nothrow) char[pieces * piece]);
    if (!memory) return 0;
    ThreadPool &pool = ThreadPool::shared();
    pool.forEach(pieces, [&](int64_t i) { memset(memory.get() + i * piece, 1, piece); });
    double best = 0;
    for (int run = 0; run < 3; ++run) {
        const Clock::time_point start = Clock::now();
        pool.forEach(pieces, [&](int64_t i) { sink += read(memory.get() + i * piece, piece); });
        best = std::max(best, pieces * piece / secondsSince(start));
    }
    return best;
}

}  // namespace epas

double epas_cpu_arithmetic_speed(int is_bfloat16, double seconds) {
    return is_bfloat16 ? epas::arithmeticSpeed<epas::BFloat16>(seconds)
                       : epas::arithmeticSpeed<float>(seconds);
}

double epas_cpu_reading_speed(long long bytes) { return epas::readingSpeed(bytes); }
