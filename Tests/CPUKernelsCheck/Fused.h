// Kernels that do several things in one call, and the same done row by row, one routine after the
// other: they must agree bit for bit.
//
// Dimensions: M rows, D model, N query heads, K key heads, H head, F feed-forward width, U tokens per
// block.

#pragma once

#include "../../Sources/CPUKernels/FloatingPointMode.h"
#include "Kernel.h"

namespace epas {

/// x, a norm's weight and projections of the norm.
struct ProjectedRows {
    Array x, norm;
    /// Each a weight, its scales if it is one of integers, and, with biases, a bias.
    std::vector<Array> projections;
    /// The elements of each weight, and its bias.
    std::vector<Array> weights, biases;
    float epsilon = 1e-5f;

    ProjectedRows(
        Random &random, ElementType type, int64_t m, int64_t d, const std::vector<int64_t> &widths,
        bool hasBiases, bool hasIntegers
    ) : x(random.array(type, {m, d}, 3)), norm(random.array(ElementType::float32, {d})) {
        for (int64_t width : widths) {
            if (hasIntegers) {
                const IntegerWeight weight(random, type, width, d);
                projections.push_back(weight.integers);
                projections.push_back(weight.scales);
                weights.push_back(weight.elements);
            } else {
                projections.push_back(random.array(type, {width, d}));
                weights.push_back(projections.back());
            }
            if (!hasBiases) continue;
            biases.push_back(random.array(ElementType::float32, {width}));
            projections.push_back(biases.back());
        }
    }

    /// Projection `index` of a row, [width].
    template <class Element> std::vector<Element> projected(int64_t row, int64_t index) const {
        const int64_t d = x.dimensions[1];
        const Array &weight = weights[index];
        const int64_t width = weight.dimensions[0];
        std::vector<Element> normed(d), result(width);
        const TypedRoutines<Element> &routines = typedRoutines<Element>();
        routines.rmsNorm(
            x.as<Element>() + row * d, norm.as<float>(), normed.data(), 1, d, epsilon);
        const LinearCall<Element> linear{
            normed.data(), weight.as<Element>(),
            biases.empty() ? nullptr : biases[index].as<float>(), nullptr, result.data(),
            std::is_same_v<Element, float>, d, width,
        };
        routines.linear(linear, 0, 1, 0, width);
        return result;
    }
};

/// An `epas.gated_linear`, and what it should give.
struct GatedLinear {
    ProjectedRows rows;
    Array result, expected;

    GatedLinear(
        Random &random, ElementType type, int64_t m, int64_t d, int64_t f, bool hasBiases,
        bool hasIntegers = false
    ) : rows(random, type, m, d, {f, f}, hasBiases, hasIntegers), result(type, {m, f}),
        expected(type, {m, f}) {
        const FloatingPointMode mode;
        forElementType(type, [&](auto *element) {
            using Element = std::remove_pointer_t<decltype(element)>;
            for (int64_t row = 0; row < m; ++row) {
                const auto gate = rows.projected<Element>(row, 0);
                const auto up = rows.projected<Element>(row, 1);
                typedRoutines<Element>().swiGLU(
                    gate.data(), up.data(), expected.as<Element>() + row * f, f);
            }
        });
    }

    KernelCall call() const {
        std::vector<Array> operands = {rows.x, rows.norm};
        operands.insert(operands.end(), rows.projections.begin(), rows.projections.end());
        return {"epas.gated_linear", operands, {}, result,
            {{"epsilon", ElementType::float32, rows.epsilon}}, {}, 0, {}};
    }

    std::string problem() const {
        const std::string error = call().run();
        if (!error.empty()) return error;
        return memcmp(result.bytes.get(), expected.bytes.get(), result.size()) == 0
            ? "" : "a row is not as alone";
    }
};

struct InputsSize {
    int64_t m, d, n, k, h, u, blocks;
};

/// An `epas.attention_inputs`, and what it should give. Rows go to different places in random
/// order, every third one nowhere; the keys' plane is 2, the values' 0, of 3.
struct AttentionInputs {
    InputsSize size;
    bool hasQuery, hasKey, hasValue;
    ProjectedRows rows;
    Array cosines, sines, position, pool, targets, offset;
    Array query, expectedQuery, expectedPool;

    static constexpr int64_t positions = 50;
    static std::vector<int64_t> widths(InputsSize s, bool query, bool key, bool value) {
        std::vector<int64_t> result;
        if (query) result.push_back(s.n * s.h);
        if (key) result.push_back(s.k * s.h);
        if (value) result.push_back(s.k * s.h);
        return result;
    }

    AttentionInputs(
        Random &random, ElementType type, InputsSize s, bool query, bool key, bool value,
        bool hasBiases, bool hasIntegers = false
    ) : size(s), hasQuery(query), hasKey(key), hasValue(value),
        rows(random, type, s.m, s.d, widths(s, query, key, value), hasBiases, hasIntegers),
        cosines(random.array(ElementType::float32, {positions, s.h / 2})),
        sines(random.array(ElementType::float32, {positions, s.h / 2})),
        position(ElementType::int32, {s.m}),
        pool(random.array(type, {s.blocks, s.k, s.u * s.h})),
        targets(ElementType::int32, {3, s.m}), offset(ElementType::int32, {s.m}),
        query(type, {s.m, s.n, s.h}), expectedQuery(type, {s.m, s.n, s.h}),
        expectedPool(type, pool.dimensions) {
        std::vector<int64_t> places(s.blocks * s.u);
        for (size_t i = 0; i < places.size(); ++i) places[i] = i;
        for (size_t i = places.size(); i-- > 1;) std::swap(places[i], places[random.below(i + 1)]);
        // Keys take blocks of even number, values the ones behind them.
        places.erase(
            std::remove_if(
                places.begin(), places.end(),
                [&](int64_t place) { return place / s.u % 2 == 1 || place / s.u + 1 == s.blocks; }),
            places.end());
        for (int64_t row = 0; row < s.m; ++row) {
            const bool isNobodys = row % 3 == 2;
            position.as<int32_t>()[row] = isNobodys ? -1 : random.below(positions);
            // The offset is common to all planes.
            offset.as<int32_t>()[row] = isNobodys ? 1000 : places[row] % s.u;
            targets.as<int32_t>()[row] = isNobodys ? -1 : places[row] / s.u + 1;
            targets.as<int32_t>()[s.m + row] = INT32_MAX;
            targets.as<int32_t>()[2 * s.m + row] = isNobodys ? -1 : places[row] / s.u;
        }
        memcpy(expectedPool.bytes.get(), pool.bytes.get(), pool.size());
        const FloatingPointMode mode;
        forElementType(type, [&](auto *element) {
            using Element = std::remove_pointer_t<decltype(element)>;
            for (int64_t row = 0; row < s.m; ++row) expect<Element>(row);
        });
    }

    template <class Element> void expect(int64_t row) {
        const auto [m, d, n, k, h, u, blocks] = size;
        const int64_t at = std::max(position.as<int32_t>()[row], 0) * (h / 2);
        const auto rotated = [&, h = h, at = at](const std::vector<Element> &x) {
            std::vector<Element> y(x.size());
            typedRoutines<Element>().rotary(
                x.data(), cosines.as<float>() + at, sines.as<float>() + at, y.data(), 1,
                x.size() / h, h);
            return y;
        };
        int64_t index = 0;
        if (hasQuery) {
            const auto y = rotated(rows.projected<Element>(row, index++));
            std::copy(y.begin(), y.end(), expectedQuery.as<Element>() + row * n * h);
        }
        const int64_t token = offset.as<int32_t>()[row];
        Element *to = expectedPool.as<Element>();
        if (hasKey) {
            const auto y = rotated(rows.projected<Element>(row, index++));
            const int64_t block = targets.as<int32_t>()[2 * m + row];
            for (int64_t i = 0; i < k * h && block >= 0; ++i) {
                to[((block * k + i / h) * h + i % h) * u + token] = y[i];
            }
        }
        if (hasValue) {
            const auto y = rows.projected<Element>(row, index);
            const int64_t block = targets.as<int32_t>()[row];
            for (int64_t i = 0; i < k * h && block >= 0; ++i) {
                to[((block * k + i / h) * u + token) * h + i % h] = y[i];
            }
        }
    }

    std::vector<Array> operands() const {
        std::vector<Array> result = {
            rows.x, rows.norm, cosines, sines, position, pool, targets, offset,
        };
        result.insert(result.end(), rows.projections.begin(), rows.projections.end());
        return result;
    }

    std::vector<Setting> settings() const {
        return {
            {"epsilon", ElementType::float32, rows.epsilon},
            {"query", ElementType::boolean, 0, hasQuery},
            {"key_plane", ElementType::int32, 0, false, hasKey ? 2 : -1},
            {"value_plane", ElementType::int32, 0, false, hasValue ? 0 : -1},
        };
    }

    std::vector<Array> results() const {
        return hasQuery ? std::vector<Array>{query, pool} : std::vector<Array>{pool};
    }

    std::string run() const {
        return epas::call("epas.attention_inputs", operands(), results(), settings());
    }

    std::string problem() const {
        const std::string error = run();
        if (!error.empty()) return error;
        if (hasQuery && memcmp(query.bytes.get(), expectedQuery.bytes.get(), query.size()) != 0) {
            return "a row's query is not as alone";
        }
        return memcmp(pool.bytes.get(), expectedPool.bytes.get(), pool.size()) == 0
            ? "" : "the pool is not as expected";
    }
};

}  // namespace epas
