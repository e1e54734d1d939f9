// Calls of the packed product with random operands, and what they should give.

#pragma once

#include "Kernel.h"

namespace epas {

struct ProductSize {
    int64_t rows, sum, columns;
};

/// - Parameter isWide: Whether the right operand is float32, whatever the left one is; the product
///   is that of its numbers rounded to the left one's type.
inline KernelCall makeProduct(
    Random &random, ElementType type, ElementType resultType, ProductSize size,
    bool transposesLeft, bool transposesRight, bool isWide = false
) {
    const auto [m, s, n] = size;
    typedef std::vector<int64_t> Dimensions;
    const Array a = random.array(type, transposesLeft ? Dimensions{s, m} : Dimensions{m, s});
    const Dimensions right = transposesRight ? Dimensions{n, s} : Dimensions{s, n};
    const Array given = random.array(isWide ? ElementType::float32 : type, right);
    Array b(type, right);
    for (int64_t i = 0; i < s * n; ++i) b.set(i, given.at(i));
    KernelCall call{"epas.product", {a, given}, {}, Array(resultType, {m, n}),
        {{"transposes_left", ElementType::boolean, 0, transposesLeft},
            {"transposes_right", ElementType::boolean, 0, transposesRight}}, {}, s, {}};
    for (int64_t row = 0; row < m; ++row) {
        for (int64_t column = 0; column < n; ++column) {
            Expected e;
            for (int64_t i = 0; i < s; ++i) {
                e.add(double(a.at(transposesLeft ? i * m + row : row * s + i))
                    * b.at(transposesRight ? column * s + i : i * n + column));
            }
            call.expected.push_back(e);
        }
    }
    return call;
}

/// Products of sizes around those of tiles, panels and blocks of every instruction set.
inline std::vector<KernelCall> makeProducts(Random &random, ElementType type) {
    std::vector<KernelCall> calls;
    for (const ProductSize &size : {ProductSize{1, 1, 1}, {1, 7, 33}, {14, 16, 32}, {15, 33, 31},
            {3, 2100, 17}, {230, 5, 40}, {31, 40, 800}, {16, 1, 16}}) {
        for (int order = 0; order < 4; ++order) {
            calls.push_back(makeProduct(random, type, type, size, order & 1, order & 2));
            if (type == ElementType::float32) continue;
            calls.push_back(
                makeProduct(random, type, type, size, order & 1, order & 2, true));
            calls.push_back(
                makeProduct(random, type, ElementType::float32, size, order & 1, order & 2));
        }
    }
    for (int i = 0; i < 12; ++i) {
        const ProductSize size{1 + random.below(60), 1 + random.below(80), 1 + random.below(90)};
        calls.push_back(makeProduct(
            random, type, type, size, random.below(2), random.below(2), random.below(2)));
    }
    return calls;
}

}  // namespace epas
