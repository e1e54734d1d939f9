// Times the optimizer's kernels on the tensors of the 125M model, beside the memory's own speed: the
// same bytes read and written by the same threads with one addition a number.
//
//   Benchmarks/optimizer.sh [THREADS]
//
// They are called in turns; every figure is the median of the runs.

#include <algorithm>
#include <cstdio>

#include "../Sources/CPUKernels/ThreadPool.h"
#include "../Tests/CPUKernelsCheck/Optimizer.h"
#include "Timing.h"

using namespace epas;

static std::vector<OptimizerTensor> tensors(ElementType moments, ElementType gradients) {
    const auto matrix = [&](int64_t rows, int64_t columns) {
        return OptimizerTensor{{rows, columns}, moments, gradients, true};
    };
    const OptimizerTensor norm{{768}, moments, ElementType::float32, false};
    std::vector<OptimizerTensor> all{matrix(32000, 768)};
    for (int layer = 0; layer < 12; ++layer) {
        all.push_back(norm);
        for (int i = 0; i < 4; ++i) all.push_back(matrix(768, 768));
        all.push_back(norm);
        for (int i = 0; i < 2; ++i) all.push_back(matrix(2048, 768));
        all.push_back(matrix(768, 2048));
    }
    all.push_back(norm);
    all.push_back(matrix(32000, 768));
    return all;
}

/// A part of an array, in words of 32 bits.
struct Part {
    uint32_t *first;
    int64_t count;
    bool writes;
};

static void append(std::vector<Part> &parts, const std::vector<Array> &arrays, bool writes) {
    constexpr int64_t size = 65536;
    for (const Array &array : arrays) {
        const int64_t words = array.size() / 4;
        for (int64_t i = 0; i < words; i += size) {
            parts.push_back({array.as<uint32_t>() + i, std::min(size, words - i), writes});
        }
    }
}

/// Adds one to every word, or only reads it.
static void pass(const std::vector<Part> &parts) {
    ThreadPool::shared().forEach(parts.size(), [&](int64_t index) {
        const Part part = parts[index];
        if (part.writes) {
            for (int64_t i = 0; i < part.count; ++i) part.first[i] += 1;
        } else {
            uint32_t sum = 0;
            for (int64_t i = 0; i < part.count; ++i) sum += part.first[i];
            asm volatile("" : : "r"(sum));
        }
    });
}

static void measure(Random &random, ElementType moments, ElementType gradients, int threads) {
    const OptimizerCase test(random, tensors(moments, gradients));
    const OptimizerCase bare = test.copy();
    int64_t count = 0, stateBytes = 0, gradientBytes = 0;
    for (const Array &array : test.parameters) count += array.count();
    for (const Array &array : test.state()) stateBytes += array.size();
    for (const Array &array : test.gradients) gradientBytes += array.size();
    const Array norm(ElementType::float32, {});
    std::vector<Part> gradientParts, allParts;
    append(gradientParts, bare.gradients, false);
    append(allParts, bare.state(), true);
    append(allParts, bare.gradients, false);
    std::vector<double> update, sum, memory, reading;
    for (int i = 0; i < 11; ++i) {
        update.push_back(seconds([&] { test.run(); }));
        memory.push_back(seconds([&] { pass(allParts); }));
        sum.push_back(
            seconds([&] { call("epas.sum_of_squares", test.gradients, {norm}, {}); }));
        reading.push_back(seconds([&] { pass(gradientParts); }));
    }
    const auto name = [](ElementType type) {
        return type == ElementType::bfloat16 ? "bfloat16" : "float32";
    };
    const double bytes = 2 * stateBytes + gradientBytes;
    printf(
        "%d threads, moments %s, gradients %s, %.1f bytes a parameter: update %.1f ms, %.1f GB/s; "
        "memory alone %.1f ms; sum of squares %.1f ms, %.1f GB/s; reading alone %.1f ms\n",
        threads, name(moments), name(gradients), bytes / count, 1e3 * median(update),
        bytes / median(update) / 1e9, 1e3 * median(memory), 1e3 * median(sum),
        gradientBytes / median(sum) / 1e9, 1e3 * median(reading));
}

int main(int count, char **arguments) {
    const int threads = count > 1 ? atoi(arguments[1]) : 4;
    epas_cpu_set_threads(threads);
    printf("%s\n", epas_cpu_instruction_set());
    Random random{1};
    for (ElementType moments : {ElementType::float32, ElementType::bfloat16}) {
        for (ElementType gradients : {ElementType::float32, ElementType::bfloat16}) {
            measure(random, moments, gradients, threads);
        }
    }
}
