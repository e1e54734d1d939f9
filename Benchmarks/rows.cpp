// Times what a training layer does between its products, at the 125M model's shapes, beside copies
// of as many bytes.
//
//   Benchmarks/rows.sh [THREADS]
//
// Every figure is the median of repeated runs, each followed by the copy, so that a machine that
// others use slows both down. Operands are several sets that together exceed the caches, used in
// turn.

#include <algorithm>
#include <cstdio>

#include "../Sources/CPUKernels/ThreadPool.h"
#include "../Tests/CPUKernelsCheck/Plugin.h"
#include "Timing.h"

using namespace epas;

/// Copies half of the bytes to the other half, in pieces for all threads.
static void copy(std::vector<char> &memory, size_t bytes) {
    const int64_t piece = 1 << 16, half = bytes / 2;
    ThreadPool::shared().forEach((half + piece - 1) / piece, [&](int64_t index) {
        const int64_t first = index * piece;
        memcpy(
            memory.data() + half + first, memory.data() + first, std::min(piece, half - first));
    });
}

struct Operands {
    std::vector<Array> operands, results;
    /// Whether of the first operand only as many rows are read as the result has.
    bool readsRows = false;

    size_t bytes() const {
        size_t bytes = 0;
        for (const Array &array : operands) bytes += array.size();
        if (readsRows) {
            const size_t row = operands[0].size() / operands[0].dimensions[0];
            bytes += row * results[0].dimensions[0] - operands[0].size();
        }
        for (const Array &array : results) bytes += array.size();
        return bytes;
    }
};

template <class Make>
static void time(
    const char *target, ElementType type, const std::vector<Setting> &settings, const Make &make
) {
    std::vector<Operands> sets(1, make());
    const size_t bytes = sets[0].bytes();
    while (sets.size() * bytes < (size_t(96) << 20)) sets.push_back(make());
    std::vector<char> memory(std::max(bytes, size_t(192) << 20), 1);
    std::vector<double> times, ratios;
    for (int repeat = 0; repeat < 31; ++repeat) {
        const Operands &set = sets[repeat % sets.size()];
        const double own = seconds([&] { call(target, set.operands, set.results, settings); });
        times.push_back(own);
        ratios.push_back(own / seconds([&] { copy(memory, bytes); }));
    }
    printf(
        "%s %s: %.3f ms, %.1f GB/s, %.2f of a copy's time\n", target,
        type == ElementType::bfloat16 ? "bf16" : "f32", median(times) * 1e3,
        bytes / median(times) / 1e9, median(ratios));
    fflush(stdout);
}

int main(int count, char **arguments) {
    const int threads = count > 1 ? atoi(arguments[1]) : 4;
    epas_cpu_set_threads(threads);
    printf("%s, %d threads\n", epas_cpu_instruction_set(), threads);
    Random random{1};
    const ElementType wide = ElementType::float32;
    const int64_t m = 2048, d = 768, f = 2048, v = 32000;
    const Setting epsilon{"epsilon", wide, 1e-5f};
    for (ElementType type : {ElementType::bfloat16, wide}) {
        const auto rows = [&] { return random.array(type, {m, d}); };
        const auto stream = [&] { return random.array(wide, {m, d}); };
        const auto inner = [&] { return random.array(type, {m, f}); };
        const auto weight = [&] { return random.array(wide, {d}); };
        time("epas.rms_norm", type, {epsilon}, [&] {
            return Operands{{stream(), weight()}, {rows()}};
        });
        time("epas.add_rms_norm", type, {epsilon}, [&] {
            return Operands{{stream(), rows(), weight()}, {stream(), rows()}};
        });
        for (int terms : {1, 2, 3}) {
            time("epas.rms_norm_gradient", type,
                {epsilon, {"results", ElementType::int32, 0, false, terms}}, [&] {
                    Operands set{{stream(), weight()}, {stream(), weight()}};
                    for (int i = 0; i < terms; ++i) set.operands.push_back(rows());
                    set.operands.push_back(stream());
                    if (type != wide) set.results.push_back(rows());
                    return set;
                });
        }
        time("epas.swiglu", type, {}, [&] { return Operands{{inner(), inner()}, {inner()}}; });
        time("epas.swiglu_gradient", type, {}, [&] {
            return Operands{{inner(), inner(), inner()}, {inner(), inner()}};
        });
        const auto indices = [&] {
            Array indices(ElementType::int32, {m});
            // As words are: a few of them often.
            for (int64_t i = 0; i < m; ++i) {
                indices.as<int32_t>()[i] = random.below(random.below(random.below(v) + 1) + 1);
            }
            return indices;
        };
        const Array table = random.array(wide, {v, d});
        const Setting rounds{"rounds", ElementType::boolean, 0, type != wide};
        time("epas.embedding", type, {rounds}, [&] {
            return Operands{{table, indices()}, {stream()}, true};
        });
        time("epas.embedding_gradient", type, {}, [&] {
            return Operands{{indices(), stream()}, {Array(wide, {v, d})}};
        });
    }
}
