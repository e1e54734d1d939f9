// Times the CPU kernels beside the machine's memory bandwidth and arithmetic.
//
//   Benchmarks/kernels.sh [THREADS]
//
// Every figure is the median of repeated runs. Weights are many copies that together exceed the
// caches, so that a product with few rows reads memory as it does in a model. Each run is followed
// by one that only reads as many bytes, in calls and pieces of the same size, so that a machine
// that others use slows both down.

#include <algorithm>
#include <cstdio>

#include "../Sources/CPUKernels/ThreadPool.h"
#include "../Tests/CPUKernelsCheck/Plugin.h"
#include "Timing.h"

using namespace epas;

struct Times {
    std::vector<double> all;
    double median() const { return ::median(all); }
    double best() const { return *std::min_element(all.begin(), all.end()); }
};

static volatile uint64_t sink;

/// Reads memory in pieces for all threads.
static void read(const char *memory, int64_t bytes, int64_t piece) {
    ThreadPool::shared().forEach((bytes + piece - 1) / piece, [&](int64_t index) {
        typedef uint64_t Words __attribute__((ext_vector_type(8), aligned(8)));
        const char *start = memory + index * piece;
        const int64_t count = std::min(piece, bytes - index * piece) / 256 * 4;
        const Words *words = reinterpret_cast<const Words *>(start);
        Words a = 0, b = 0, c = 0, d = 0;
        for (int64_t i = 0; i < count; i += 4) {
            a += words[i];
            b += words[i + 1];
            c += words[i + 2];
            d += words[i + 3];
        }
        const Words sum = a + b + c + d;
        sink = sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
    });
}

/// One size of weight, of elements or of integers with scales, in copies that exceed the caches.
static void product(
    Random &random, ElementType type, int64_t out, int64_t in, bool areIntegers = false
) {
    const ElementType weightType = areIntegers ? ElementType::int8 : type;
    const int64_t bytes = out * in * byteCount(weightType);
    const int64_t copies = std::max<int64_t>((256 << 20) / bytes, 1);
    std::vector<std::vector<Array>> weights;
    while (int64_t(weights.size()) < copies) {
        if (weights.empty() && !areIntegers) {
            weights.push_back({random.array(type, {out, in})});
        } else {
            weights.push_back({Array(weightType, {out, in})});
        }
        if (areIntegers) {
            weights.back().push_back(
                random.array(ElementType::float32, {out, (in + 63) / 64}, 0.01f));
        }
        const std::vector<Array> &copy = weights.back();
        if (areIntegers) {
            for (int64_t i = 0; i < out * in; i += 8) {
                const uint64_t numbers = random.next();
                memcpy(copy[0].bytes.get() + i, &numbers, std::min<int64_t>(8, out * in - i));
            }
        } else if (weights.size() > 1) {
            memcpy(copy[0].bytes.get(), weights[0][0].bytes.get(), bytes);
        }
    }
    const auto operands = [&](const Array &x, int64_t copy) {
        std::vector<Array> result = {x};
        result.insert(result.end(), weights[copy].begin(), weights[copy].end());
        return result;
    };
    for (int64_t rows : {1, 2, 4, 16, 128}) {
        const Array x = random.array(type, {rows, in});
        const Array y(type, {rows, out});
        const int64_t calls = rows == 128 ? std::min<int64_t>(copies, 16) : copies;
        Times products, ratios;
        for (int repeat = 0; repeat < (rows <= 4 ? 25 : 9); ++repeat) {
            const double time = seconds([&] {
                for (int64_t i = 0; i < calls; ++i) call("epas.linear", operands(x, i), {y});
            });
            products.all.push_back(time / calls);
            if (rows > 4) continue;
            ratios.all.push_back(seconds([&] {
                for (int64_t i = 0; i < calls; ++i) {
                    read(weights[i][0].bytes.get(), bytes, 32768 * byteCount(weightType));
                }
            }) / time);
        }
        const double median = products.median(), operations = 2.0 * rows * out * in;
        printf(
            "linear %s%s [%ld, %ld] M=%ld: %.1f us",
            type == ElementType::bfloat16 ? "bf16" : "f32", areIntegers ? " int8" : "", long(out), long(in), long(rows), median * 1e6);
        if (rows <= 4) {
            printf(
                ", %.1f GB/s (best %.1f), %.0f %% of reading\n", bytes / median / 1e9,
                bytes / products.best() / 1e9, 100 * ratios.median());
        } else {
            printf(
                ", %.0f GFLOP/s (best %.0f)\n", operations / median / 1e9,
                operations / products.best() / 1e9);
        }
        fflush(stdout);
    }
}

/// Attention of the last rows of a sequence of `length` tokens, one layer after the other.
static void attention(
    Random &random, ElementType type, int64_t rows, int64_t heads, int64_t keyValueHeads,
    int64_t head, int64_t length
) {
    const int64_t tokens = 32, columns = length / tokens;
    // As many layers as exceed the caches.
    const int64_t bytes = length * keyValueHeads * head * byteCount(type);
    const int64_t layers = std::max<int64_t>((128 << 20) / bytes, 1);
    const Array query = random.array(type, {rows, heads, head});
    const Array keys = random.array(type, {layers * columns, keyValueHeads, tokens * head});
    const Array values = random.array(type, {layers * columns, keyValueHeads, tokens * head});
    const Array probabilities(ElementType::float32, {rows, heads, length});
    const Array mixed(type, {rows, heads * head});
    Array table(ElementType::int32, {1, 1, columns}), sequence(ElementType::int32, {rows});
    Array position(ElementType::int32, {rows});
    for (int64_t i = 0; i < rows; ++i) {
        sequence.as<int32_t>()[i] = 0;
        position.as<int32_t>()[i] = length - rows + i;
    }
    const std::vector<Setting> first = {{"plane", ElementType::int32}};
    Times scores, mixes;
    for (int repeat = 0; repeat < 9; ++repeat) {
        double time[2] = {0, 0};
        for (int64_t layer = 0; layer < layers; ++layer) {
            // Blocks lie apart, as those of other layers and sequences lie between them.
            for (int64_t i = 0; i < columns; ++i) {
                table.as<int32_t>()[i] = i * layers + layer;
            }
            time[0] += seconds([&] {
                call("epas.attention_probabilities", {query, keys, table, sequence, position},
                    {probabilities}, first);
            });
            time[1] += seconds([&] {
                call("epas.attention_mix", {probabilities, values, table, sequence, position},
                    {mixed}, first);
            });
        }
        scores.all.push_back(time[0] / layers);
        mixes.all.push_back(time[1] / layers);
    }
    printf(
        "attention %s M=%ld N=%ld K=%ld H=%ld T=%ld: probabilities %.1f us, %.1f GB/s (best %.1f); "
        "mix %.1f us, %.1f GB/s (best %.1f)\n",
        type == ElementType::bfloat16 ? "bf16" : "f32", long(rows), long(heads),
        long(keyValueHeads), long(head), long(length), scores.median() * 1e6,
        bytes / scores.median() / 1e9, bytes / scores.best() / 1e9, mixes.median() * 1e6,
        bytes / mixes.median() / 1e9, bytes / mixes.best() / 1e9);
    fflush(stdout);
}

int main(int count, char **arguments) {
    const int threads = count > 1 ? atoi(arguments[1]) : 4;
    epas_cpu_set_threads(threads);
    Random random{1};
    {
        const std::vector<char> memory(size_t(1) << 30, 1);
        Times times;
        for (int repeat = 0; repeat < 15; ++repeat) {
            times.all.push_back(seconds([&] { read(memory.data(), memory.size(), 1 << 20); }));
        }
        printf(
            "%s, %d threads; reading 1 GiB: %.1f GB/s (best %.1f)\n", epas_cpu_instruction_set(),
            threads, memory.size() / times.median() / 1e9, memory.size() / times.best() / 1e9);
    }
    for (ElementType type : {ElementType::bfloat16, ElementType::float32}) {
        for (int64_t length : {256, 2048, 32768}) {
            attention(random, type, 1, 12, 12, 64, length);
            attention(random, type, 1, 32, 4, 64, length);
        }
        attention(random, type, 128, 12, 12, 64, 2048);
        attention(random, type, 128, 32, 4, 64, 2048);
        for (const auto &[out, in] : {std::pair<int64_t, int64_t>{768, 768}, {2048, 768},
                {768, 2048}, {32000, 768}, {5632, 2048}}) {
            product(random, type, out, in);
            product(random, type, out, in, true);
        }
    }
}
