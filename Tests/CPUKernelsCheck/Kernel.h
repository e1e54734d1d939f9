// Calls of every kernel with random operands, and what they should give.
//
// Dimensions: M rows, N query heads, K key heads, G = N/K, H head, S sequences, C blocks per
// sequence, U tokens per block, T = C·U.

#pragma once

#include <cmath>
#include <functional>

#include "../../Sources/CPUKernels/Kernels.h"
#include "Plugin.h"

namespace epas {

/// A number computed in double precision, and the size of what was added up to it.
struct Expected {
    double value = 0, magnitude = 0;
    void add(double term) {
        value += term;
        magnitude += std::fabs(term);
    }
};

struct KernelCall {
    std::string target;
    std::vector<Array> operands;
    /// Whether an operand's first dimension are the rows.
    std::vector<bool> isPerRow;
    Array result;
    std::vector<Setting> settings;
    std::vector<Expected> expected;
    /// Terms in the longest sum.
    int64_t terms;
    /// The elements of the result that the kernel promises to write; all, if empty.
    std::vector<bool> defined;
    /// What computes it where that is a routine that several kernels use, and no kernel.
    std::function<void(const KernelCall &)> routine;

    int64_t rows() const { return result.dimensions[0]; }
    bool isDefined(int64_t index) const { return defined.empty() || defined[index]; }

    std::string run() const {
        if (!routine) return call(target.c_str(), operands, {result}, settings);
        routine(*this);
        return "";
    }

    /// The same call for some of its rows, in the given order.
    KernelCall taking(const std::vector<int64_t> &chosen) const {
        KernelCall part = *this;
        part.expected.clear();
        part.defined.clear();
        const auto take = [&](const Array &array) {
            std::vector<int64_t> dimensions = array.dimensions;
            const size_t size = array.size() / dimensions[0];
            dimensions[0] = chosen.size();
            Array taken(array.type, dimensions);
            for (size_t i = 0; i < chosen.size(); ++i) {
                memcpy(taken.bytes.get() + i * size, array.bytes.get() + chosen[i] * size, size);
            }
            return taken;
        };
        for (size_t i = 0; i < operands.size(); ++i) {
            if (isPerRow[i]) part.operands[i] = take(operands[i]);
        }
        std::vector<int64_t> dimensions = result.dimensions;
        dimensions[0] = chosen.size();
        part.result = Array(result.type, dimensions);
        return part;
    }
};

inline KernelCall makeRMSNorm(
    Random &random, ElementType given, ElementType type, int64_t m, int64_t d
) {
    KernelCall call{"epas.rms_norm", {random.array(given, {m, d}, 3),
        random.array(ElementType::float32, {d})}, {true, false}, Array(type, {m, d}),
        {{"epsilon", ElementType::float32, 1e-5f}}, {}, 8, {}};
    for (int64_t row = 0; row < m; ++row) {
        double squares = 0;
        for (int64_t i = 0; i < d; ++i) squares += std::pow(call.operands[0].at(row * d + i), 2);
        for (int64_t i = 0; i < d; ++i) {
            Expected e;
            e.add(call.operands[0].at(row * d + i) / std::sqrt(squares / d + 1e-5)
                * call.operands[1].at(i));
            // The sum of squares has d terms, of which a vector's lane adds a sixteenth.
            e.magnitude *= 1 + d / 16.0;
            call.expected.push_back(e);
        }
    }
    return call;
}

/// A weight of integers with scales, and the elements that it stands for.
struct IntegerWeight {
    Array integers, scales, elements;

    IntegerWeight(Random &random, ElementType type, int64_t out, int64_t in)
        : integers(ElementType::int8, {out, in}),
          scales(random.array(ElementType::float32, {out, scaleCount(in)}, 0x1p-7f)),
          elements(type, {out, in}) {
        for (int64_t i = 0; i < out * in; ++i) {
            integers.as<int8_t>()[i] = random.below(256) - 128;
            const int64_t scale = i / in * scaleCount(in) + i % in / scaleBlock;
            elements.set(i, integers.at(i) * scales.at(scale));
        }
    }
};

inline KernelCall makeLinear(
    Random &random, ElementType type, ElementType resultType, int64_t m, int64_t in, int64_t out,
    bool bias, bool residual, bool hasIntegers = false
) {
    KernelCall call{"epas.linear", {random.array(type, {m, in})}, {true, false},
        Array(resultType, {m, out}), {}, {}, in + 2, {}};
    const IntegerWeight integers(random, type, out, in);
    const Array weight = hasIntegers ? integers.elements : random.array(type, {out, in});
    if (hasIntegers) {
        call.operands.push_back(integers.integers);
        call.operands.push_back(integers.scales);
        call.isPerRow.push_back(false);
    } else {
        call.operands.push_back(weight);
    }
    const Array biases = random.array(ElementType::float32, {out});
    if (bias) {
        call.operands.push_back(biases);
        call.isPerRow.push_back(false);
    }
    if (residual) {
        call.operands.push_back(random.array(resultType, {m, out}));
        call.isPerRow.push_back(true);
    }
    for (int64_t row = 0; row < m; ++row) {
        for (int64_t o = 0; o < out; ++o) {
            Expected e;
            for (int64_t i = 0; i < in; ++i) {
                e.add(double(call.operands[0].at(row * in + i)) * weight.at(o * in + i));
            }
            if (bias) e.add(biases.at(o));
            if (residual) e.add(call.operands.back().at(row * out + o));
            call.expected.push_back(e);
        }
    }
    return call;
}

inline KernelCall makeRotary(Random &random, ElementType type, int64_t m, int64_t n, int64_t h) {
    const int64_t half = h / 2;
    KernelCall call{"rotary", {random.array(type, {m, n, h}),
        random.array(ElementType::float32, {m, half}),
        random.array(ElementType::float32, {m, half})}, {true, true, true},
        Array(type, {m, n, h}), {}, {}, 4, {}};
    call.routine = [n, h](const KernelCall &call) {
        forElementType(call.result.type, [&](auto *type) {
            using Element = std::remove_pointer_t<decltype(type)>;
            typedRoutines<Element>().rotary(
                call.operands[0].as<Element>(), call.operands[1].as<float>(),
                call.operands[2].as<float>(), call.result.as<Element>(), call.rows(), n, h);
        });
    };
    const Array &x = call.operands[0], &c = call.operands[1], &s = call.operands[2];
    for (int64_t i = 0; i < m * n * h; ++i) {
        const int64_t row = i / (n * h), place = row * half + i % h % half;
        Expected e;
        e.add(double(x.at(i)) * c.at(place));
        e.add(i % h < half ? -double(x.at(i + half)) * s.at(place)
            : double(x.at(i - half)) * s.at(place));
        call.expected.push_back(e);
    }
    return call;
}

inline KernelCall makeSwiGLU(Random &random, ElementType type, int64_t m, int64_t f) {
    // Beyond ±88 the exponential of a float32 leaves its range.
    KernelCall call{"swiglu", {random.array(type, {m, f}, 100), random.array(type, {m, f})},
        {true, true}, Array(type, {m, f}), {}, {}, 8, {}};
    call.routine = [f](const KernelCall &call) {
        forElementType(call.result.type, [&](auto *type) {
            using Element = std::remove_pointer_t<decltype(type)>;
            typedRoutines<Element>().swiGLU(
                call.operands[0].as<Element>(), call.operands[1].as<Element>(),
                call.result.as<Element>(), call.rows() * f);
        });
    };
    for (int64_t i = 0; i < m * f; ++i) {
        const double gate = call.operands[0].at(i);
        Expected e;
        e.add(gate / (1 + std::exp(-gate)) * call.operands[1].at(i));
        call.expected.push_back(e);
    }
    return call;
}

struct AttentionSize {
    int64_t m, n, k, h, s, c, u;
};

/// Probabilities and their mix, for sequences whose blocks lie anywhere. Every fifth row sees
/// nothing; the others see up to all of their sequence.
inline std::pair<KernelCall, KernelCall> makeAttention(
    Random &random, ElementType type, AttentionSize size
) {
    const auto [m, n, k, h, s, c, u] = size;
    const int64_t blocks = s * c + 1, t = c * u, g = n / k;
    const Array query = random.array(type, {m, n, h}, 2);
    const Array keys = random.array(type, {blocks, k, u * h}, 2);
    const Array values = random.array(type, {blocks, k, u * h});
    // The second of two planes.
    Array tables(ElementType::int32, {2, s, c}), sequence(ElementType::int32, {m});
    Array position(ElementType::int32, {m}), probabilities(ElementType::float32, {m, n, t});
    std::vector<int64_t> last(s, -1);
    for (int64_t row = 0; row < m; ++row) {
        // Runs of rows of one sequence, as the parts of a prompt are, and single ones.
        const int64_t of = row % 7 < 4 && row > 0 ? sequence.as<int32_t>()[row - 1]
            : random.below(s);
        const int64_t at = row % 5 == 3 ? -1 : random.below(t);
        sequence.as<int32_t>()[row] = of;
        position.as<int32_t>()[row] = at;
        last[of] = std::max(last[of], at);
    }
    int32_t *table = tables.as<int32_t>() + s * c;
    for (int64_t i = 0; i < s * c; ++i) {
        // What no row sees is not looked at.
        table[i] = i % c * u <= last[i / c] ? random.below(blocks) : INT32_MAX;
    }
    KernelCall scores{"epas.attention_probabilities", {query, keys, tables, sequence, position},
        {true, false, false, true, true}, Array(ElementType::float32, {m, n, t}),
        {{"plane", ElementType::int32, 0, false, 1}}, {}, h + 16,
        std::vector<bool>(m * n * t, false)};
    KernelCall mix{"epas.attention_mix", {probabilities, values, tables, sequence, position},
        {true, false, false, true, true}, Array(type, {m, n * h}),
        {{"plane", ElementType::int32, 0, false, 1}}, {}, t, {}};
    scores.expected.resize(m * n * t);
    mix.expected.resize(m * n * h);
    for (int64_t row = 0; row < m; ++row) {
        const int64_t of = sequence.as<int32_t>()[row], length = position.as<int32_t>()[row] + 1;
        for (int64_t head = 0; head < n && length > 0; ++head) {
            const int64_t first = (row * n + head) * t;
            std::vector<double> score(length);
            double most = -INFINITY, total = 0;
            for (int64_t i = 0; i < length; ++i) {
                const int64_t block = table[of * c + i / u];
                for (int64_t j = 0; j < h; ++j) {
                    score[i] += double(query.at((row * n + head) * h + j))
                        * keys.at(((block * k + head / g) * h + j) * u + i % u);
                }
                score[i] /= std::sqrt(double(h));
                most = std::max(most, score[i]);
            }
            for (double value : score) total += std::exp(value - most);
            for (int64_t i = 0; i < length; ++i) {
                const int64_t block = table[of * c + i / u];
                const double p = std::exp(score[i] - most) / total;
                scores.expected[first + i].add(p);
                // An error of a score, whose products are up to 4, is a relative one of its power.
                scores.expected[first + i].magnitude *= 4 * std::sqrt(double(h));
                scores.defined[first + i] = true;
                probabilities.set(first + i, p);
                for (int64_t j = 0; j < h; ++j) {
                    mix.expected[(row * n + head) * h + j].add(
                        double(probabilities.at(first + i))
                        * values.at(((block * k + head / g) * u + i % u) * h + j));
                }
            }
        }
    }
    return {scores, mix};
}

}  // namespace epas
