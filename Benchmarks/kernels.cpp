// Times the CPU kernels beside the machine's memory bandwidth and arithmetic.
//
//   Benchmarks/kernels.sh [THREADS]
//
// Every figure is the median of repeated runs. Weights are many copies that together exceed the
// caches, so that a product with few rows reads memory as it does in a model.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>

#include "../Sources/CPUKernels/ThreadPool.h"
#include "../Tests/CPUKernelsCheck/Plugin.h"

using namespace epas;

static double seconds(const std::function<void()> &body) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    body();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Times {
    std::vector<double> all;
    double median() {
        std::sort(all.begin(), all.end());
        return all[all.size() / 2];
    }
    double best() { return *std::min_element(all.begin(), all.end()); }
};


static volatile uint64_t sink;

/// The seconds to read memory from start to end, in pieces for all threads.
static double readTime(const std::vector<uint64_t> &memory) {
    constexpr int64_t piece = 1 << 17;
    return seconds([&] {
        ThreadPool::shared().forEach(memory.size() / piece, [&](int64_t index) {
            typedef uint64_t Words __attribute__((ext_vector_type(8), aligned(8)));
            const Words *words = reinterpret_cast<const Words *>(memory.data() + index * piece);
            Words a = 0, b = 0, c = 0, d = 0;
            for (int64_t i = 0; i < piece / 8; i += 4) {
                a += words[i];
                b += words[i + 1];
                c += words[i + 2];
                d += words[i + 3];
            }
            const Words sum = a + b + c + d;
            sink = sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
        });
    });
}

int main(int count, char **arguments) {
    const int threads = count > 1 ? atoi(arguments[1]) : 4;
    epas_cpu_set_threads(threads);
    printf("%s, %d threads\n", epas_cpu_instruction_set(), threads);
    Random random{1};
    const std::vector<uint64_t> memory((size_t(1) << 30) / 8, 1);

    struct Size { int64_t out, in; };
    const Size sizes[] = {{768, 768}, {2048, 768}, {768, 2048}, {32000, 768}, {5632, 2048}};
    for (ElementType type : {ElementType::bfloat16, ElementType::float32}) {
        for (Size size : sizes) {
            const int64_t bytes = size.out * size.in * byteCount(type);
            const int64_t copies = std::max<int64_t>((256 << 20) / bytes, 1);
            std::vector<Array> weights;
            weights.push_back(random.array(type, {size.out, size.in}));
            while (int64_t(weights.size()) < copies) {
                weights.emplace_back(type, weights[0].dimensions);
                memcpy(weights.back().bytes.get(), weights[0].bytes.get(), bytes);
            }
            for (int64_t rows : {1, 4, 16, 128}) {
                const Array x = random.array(type, {rows, size.in});
                const Array y(type, {rows, size.out});
                Times read, product;
                const int64_t calls = rows == 128 ? std::min<int64_t>(copies, 16) : copies;
                for (int repeat = 0; repeat < (rows == 1 ? 21 : 9); ++repeat) {
                    if (rows == 1) read.all.push_back(readTime(memory));
                    product.all.push_back(seconds([&] {
                        for (int64_t i = 0; i < calls; ++i) {
                            call("epas.linear", {x, weights[i]}, y);
                        }
                    }) / calls);
                }
                const double median = product.median(), best = product.best();
                printf(
                    "linear %s [%ld, %ld] M=%ld: %.1f us, %.1f GB/s (best %.1f), %.0f GFLOP/s "
                    "(best %.0f)", type == ElementType::bfloat16 ? "bf16" : "f32", size.out,
                    size.in, rows, median * 1e6, bytes / median / 1e9, bytes / best / 1e9,
                    2.0 * rows * size.out * size.in / median / 1e9,
                    2.0 * rows * size.out * size.in / best / 1e9);
                if (rows == 1) {
                    const double reading = (size_t(1) << 30) / read.median() / 1e9;
                    printf(
                        "; reading %.1f GB/s (best %.1f): %.0f %%", reading,
                        (size_t(1) << 30) / read.best() / 1e9,
                        100 * bytes / median / 1e9 / reading);
                }
                printf("\n");
                fflush(stdout);
            }
        }
    }
}
