// Norms, SwiGLU and embeddings of training, and their derivatives, against double precision.
//
// Dimensions: M rows, D model, F feed-forward width, V vocabulary.

#pragma once

#include <cmath>
#include <functional>

#include "Kernel.h"

namespace epas {

/// A call with several results.
struct RowsCase {
    std::string target;
    std::vector<Array> operands, results;
    std::vector<Setting> settings;
    /// What each result should hold, once the call has been made.
    std::function<std::vector<std::vector<Expected>>(const RowsCase &)> expected;
    /// Terms in the longest sum.
    double terms;

    /// What is wrong with the results, or that they differ on several threads; or nothing.
    ///
    /// A sum of n float32 terms is off by at most n·2⁻²⁴ of the terms' sizes, whatever their order
    /// (Higham, 2002, section 4.2); each result is then rounded once more, to its type. Where a
    /// sigmoid is below the normal float32 numbers it may be zero: 1e4 · 2⁻¹²⁶ is below 1e-33.
    std::string problem() {
        std::string name = target;
        for (int64_t dimension : operands[0].dimensions) name += " " + std::to_string(dimension);
        for (int threads : {1, 4, 3, 2}) {
            epas_cpu_set_threads(threads);
            std::vector<Array> again;
            for (const Array &result : results) again.emplace_back(result.type, result.dimensions);
            const std::string error = call(target.c_str(), operands, again, settings);
            if (!error.empty()) return name + ": " + error;
            for (size_t i = 0; i < results.size() && threads > 1; ++i) {
                if (memcmp(
                        results[i].bytes.get(), again[i].bytes.get(), again[i].size()) != 0) {
                    return name + ": differs on " + std::to_string(threads) + " threads";
                }
            }
            results = again;
        }
        const std::vector<std::vector<Expected>> all = expected(*this);
        for (size_t r = 0; r < results.size(); ++r) {
            const double rounding = results[r].type == ElementType::bfloat16 ? 0x1p-8 : 0x1p-23;
            for (int64_t i = 0; i < results[r].count(); ++i) {
                const Expected &e = all[r][i];
                const double bound = 1e-33 + rounding * std::fabs(e.value)
                    + (terms + 8) * 0x1p-24 * e.magnitude;
                const double actual = results[r].at(i);
                if (std::fabs(actual - e.value) <= bound) continue;
                return name + ": element " + std::to_string(i) + " of result " + std::to_string(r)
                    + " is " + std::to_string(actual) + ", expected " + std::to_string(e.value)
                    + " within " + std::to_string(bound);
            }
        }
        return "";
    }
};

constexpr double testEpsilon = 1e-5;

inline Setting epsilonSetting() { return {"epsilon", ElementType::float32, 1e-5f}; }

/// 1 / √(mean(x²) + ε) of a row.
inline double inverseSize(const Array &x, int64_t row, int64_t d) {
    double squares = 0;
    for (int64_t i = 0; i < d; ++i) squares += std::pow(x.at(row * d + i), 2);
    return 1 / std::sqrt(squares / d + testEpsilon);
}

inline RowsCase makeAddRMSNorm(Random &random, ElementType type, int64_t m, int64_t d) {
    RowsCase each{"epas.add_rms_norm",
        {random.array(ElementType::float32, {m, d}, 3), random.array(type, {m, d}, 3),
            random.array(ElementType::float32, {d})},
        {Array(ElementType::float32, {m, d}), Array(type, {m, d})}, {epsilonSetting()}, {},
        d / 16.0};
    each.expected = [m, d](const RowsCase &call) {
        std::vector<std::vector<Expected>> all(2, std::vector<Expected>(m * d));
        for (int64_t row = 0; row < m; ++row) {
            // The norm is that of the sum as it was stored.
            const double scale = inverseSize(call.results[0], row, d);
            for (int64_t i = row * d; i < (row + 1) * d; ++i) {
                all[0][i].add(double(call.operands[0].at(i)) + call.operands[1].at(i));
                all[1][i].add(call.results[0].at(i) * scale * call.operands[2].at(i - row * d));
            }
        }
        return all;
    };
    return each;
}

/// - Parameters:
///   - results: Cotangents of the norm.
///   - passed: Cotangents that pass it by.
inline RowsCase makeRMSNormGradient(
    Random &random, ElementType type, int64_t m, int64_t d, int results, int passed
) {
    RowsCase each{"epas.rms_norm_gradient",
        {random.array(ElementType::float32, {m, d}, 3), random.array(ElementType::float32, {d})},
        {Array(ElementType::float32, {m, d}), Array(ElementType::float32, {d})},
        {epsilonSetting(), {"results", ElementType::int32, 0, false, results}}, {},
        // Also the relative error of a row's size, of which a vector's lane adds a sixteenth.
        double(m) + 2 * (d / 16.0 + 8) + results + passed};
    for (int i = 0; i < results + passed; ++i) {
        each.operands.push_back(random.array(i < results ? type : ElementType::float32, {m, d}));
    }
    // The derivative by x once more, rounded.
    if (type != ElementType::float32) each.results.push_back(Array(type, {m, d}));
    each.expected = [m, d, results](const RowsCase &call) {
        const Array &x = call.operands[0], &w = call.operands[1];
        std::vector<std::vector<Expected>> all{
            std::vector<Expected>(m * d), std::vector<Expected>(d)};
        for (int64_t row = 0; row < m; ++row) {
            const double r = inverseSize(x, row, d);
            std::vector<Expected> dy(d);
            Expected mean;
            for (int64_t i = 0; i < d; ++i) {
                for (int k = 0; k < results; ++k) dy[i].add(call.operands[2 + k].at(row * d + i));
                mean.value += dy[i].value * w.at(i) * x.at(row * d + i) / d;
                mean.magnitude +=
                    dy[i].magnitude * std::fabs(double(w.at(i)) * x.at(row * d + i)) / d;
            }
            for (int64_t i = 0; i < d; ++i) {
                const double xs = x.at(row * d + i);
                Expected &dx = all[0][row * d + i];
                dx.value = r * dy[i].value * w.at(i) - xs * r * r * r * mean.value;
                dx.magnitude = r * dy[i].magnitude * std::fabs(w.at(i))
                    + std::fabs(xs) * r * r * r * mean.magnitude;
                for (size_t k = 2 + results; k < call.operands.size(); ++k) {
                    dx.add(call.operands[k].at(row * d + i));
                }
                all[1][i].value += dy[i].value * xs * r;
                all[1][i].magnitude += dy[i].magnitude * std::fabs(xs) * r;
            }
        }
        all.push_back(all[0]);
        return all;
    };
    return each;
}

/// Gates beyond ±88, where the exponential of a float32 leaves its range.
inline RowsCase makeSwiGLUCall(Random &random, ElementType type, int64_t m, int64_t f) {
    RowsCase each{"epas.swiglu", {random.array(type, {m, f}, 100), random.array(type, {m, f})},
        {Array(type, {m, f})}, {}, {}, 0};
    each.expected = [](const RowsCase &call) {
        std::vector<Expected> y(call.results[0].count());
        for (size_t i = 0; i < y.size(); ++i) {
            const double gate = call.operands[0].at(i);
            y[i].add(gate / (1 + std::exp(-gate)) * call.operands[1].at(i));
        }
        return std::vector<std::vector<Expected>>{y};
    };
    return each;
}

inline RowsCase makeSwiGLUGradient(
    Random &random, ElementType type, int64_t m, int64_t f, float scale
) {
    RowsCase each{"epas.swiglu_gradient",
        {random.array(type, {m, f}, scale), random.array(type, {m, f}),
            random.array(type, {m, f})},
        {Array(type, {m, f}), Array(type, {m, f})}, {}, {}, 8};
    each.expected = [](const RowsCase &call) {
        const size_t count = call.results[0].count();
        std::vector<std::vector<Expected>> all(2, std::vector<Expected>(count));
        for (size_t i = 0; i < count; ++i) {
            const double gate = call.operands[0].at(i), dy = call.operands[2].at(i);
            const double s = 1 / (1 + std::exp(-gate)), factor = dy * call.operands[1].at(i);
            all[0][i].add(factor * s);
            all[0][i].add(factor * gate * s * (1 - s));
            // 1 - s is off by the rounding of s, which is at most one.
            all[0][i].magnitude += std::fabs(factor * gate * s);
            all[1][i].add(dy * gate * s);
        }
        return all;
    };
    return each;
}

/// Indices of which every seventh one is outside the table.
inline Array makeIndices(Random &random, int64_t m, int64_t v) {
    Array indices(ElementType::int32, {m});
    const int32_t outside[] = {-1, int32_t(v), INT32_MAX, INT32_MIN};
    for (int64_t i = 0; i < m; ++i) {
        indices.as<int32_t>()[i] = i % 7 == 6 ? outside[i % 4] : random.below(v);
    }
    return indices;
}

/// - Parameter type: What the numbers are rounded to. The results are compared as float32 numbers.
inline RowsCase makeEmbedding(
    Random &random, ElementType table, ElementType type, int64_t v, int64_t m, int64_t d
) {
    const bool rounds = type == ElementType::bfloat16;
    RowsCase each{"epas.embedding", {random.array(table, {v, d}), makeIndices(random, m, v)},
        {Array(ElementType::float32, {m, d})},
        {{"rounds", ElementType::boolean, 0, rounds}}, {}, 0};
    each.expected = [type, v, m, d](const RowsCase &call) {
        Array rounded(type, {1});
        std::vector<Expected> y(m * d);
        for (int64_t i = 0; i < m * d; ++i) {
            const int64_t index = call.operands[1].as<int32_t>()[i / d];
            const int64_t row = std::min(std::max<int64_t>(index, 0), v - 1);
            rounded.set(0, call.operands[0].at(row * d + i % d));
            y[i].add(rounded.at(0));
        }
        return std::vector<std::vector<Expected>>{y};
    };
    return each;
}

inline RowsCase makeEmbeddingGradient(
    Random &random, ElementType type, int64_t v, int64_t m, int64_t d, int terms
) {
    RowsCase each{"epas.embedding_gradient", {makeIndices(random, m, v)},
        {Array(ElementType::float32, {v, d})}, {}, {}, double(m) + terms};
    for (int i = 0; i < terms; ++i) each.operands.push_back(random.array(type, {m, d}));
    each.expected = [v, m, d](const RowsCase &call) {
        std::vector<Expected> sums(v * d);
        for (int64_t i = 0; i < m * d; ++i) {
            const int64_t index = call.operands[0].as<int32_t>()[i / d];
            if (index < 0 || index >= v) continue;
            for (size_t k = 1; k < call.operands.size(); ++k) {
                sums[index * d + i % d].add(call.operands[k].at(i));
            }
        }
        return std::vector<std::vector<Expected>>{sums};
    };
    return each;
}

/// What is wrong with any of them, each for itself.
inline std::vector<std::string> checkTrainingRows(Random &random, ElementType type) {
    std::vector<std::string> problems;
    const auto check = [&](RowsCase each) { problems.push_back(each.problem()); };
    for (const auto &[m, d] : {std::pair<int64_t, int64_t>{1, 1}, {3, 15}, {2, 64}, {17, 77},
            {50, 33}, {1, 2100}, {5000, 3}}) {
        check(makeAddRMSNorm(random, type, m, d));
        for (const auto &[results, passed] : {std::pair{1, 0}, {1, 1}, {3, 1}, {2, 0}, {8, 8}}) {
            check(makeRMSNormGradient(random, type, m, d, results, passed));
        }
        check(makeSwiGLUCall(random, type, m, d));
        for (float scale : {1.0f, 100.0f}) {
            check(makeSwiGLUGradient(random, type, m, d, scale));
        }
        for (int64_t v : {1, 5, 100}) {
            check(makeEmbedding(random, type, type, v, m, d));
            check(makeEmbedding(random, ElementType::float32, type, v, m, d));
            for (int terms : {1, 2, 8}) {
                check(makeEmbeddingGradient(random, type, v, m, d, terms));
            }
        }
    }
    return problems;
}

}  // namespace epas
