// The kernels: each checks a call and divides the work among the threads. EPASModel says in plain
// operations what they compute.

#pragma once

#include <algorithm>
#include <type_traits>

#include "Call.h"
#include "Routines.h"
#include "ThreadPool.h"

namespace epas {

void rmsNorm(const Call &);
void addRMSNorm(const Call &);
void rmsNormGradient(const Call &);
void swiGLU(const Call &);
void swiGLUGradient(const Call &);
void embedding(const Call &);
void embeddingGradient(const Call &);
void linear(const Call &);
void product(const Call &);
void crossEntropy(const Call &);
void rotary(const Call &);
void gatedLinear(const Call &);
void attentionInputs(const Call &);
void attentionProbabilities(const Call &);
void attentionMix(const Call &);
void attention(const Call &);
void attentionGradient(const Call &);
void sharedAttention(const Call &);
void sharedAttentionGradient(const Call &);
void sumOfSquares(const Call &);
void adamW(const Call &);

/// Calls the body with a null pointer to the C++ type of an element type of rows.
template <class Body> void forElementType(ElementType type, const Body &body) {
    if (type == ElementType::bfloat16) {
        body(static_cast<BFloat16 *>(nullptr));
    } else {
        body(static_cast<float *>(nullptr));
    }
}

/// The steps of a piece of work that is worth the way to another thread: a few microseconds.
///
/// - Parameters:
///   - cost: The numbers that one step reads.
///   - multiple: What the result is a multiple of.
inline int64_t pieceSize(int64_t cost, int64_t multiple) {
    constexpr int64_t piece = 32768;
    const int64_t steps = std::max<int64_t>(piece / std::max<int64_t>(cost, 1), 1);
    return (steps + multiple - 1) / multiple * multiple;
}

/// Calls the body with ranges that together are 0 to `count`, on several threads where there is
/// enough to do. All ranges but the last are as long as ``pieceSize`` says.
template <class Body>
void forEachRange(int64_t count, int64_t cost, int64_t multiple, const Body &body) {
    const int64_t size = pieceSize(cost, multiple);
    ThreadPool::shared().forEach((count + size - 1) / size, [&](int64_t index) {
        body(index * size, std::min((index + 1) * size, count));
    });
}

/// The rows that are multiplied with a piece of the weight before the next one is read. Together
/// they should stay in a core's second cache.
constexpr int64_t rowBlock = 128;

/// Calls the body with ranges of at most ``rowBlock`` that together are 0 to `rows`.
template <class Body> void forEachRowBlock(int64_t rows, const Body &body) {
    for (int64_t first = 0; first < rows; first += rowBlock) {
        body(first, std::min(first + rowBlock, rows));
    }
}

/// What a piece of a product's outputs is a multiple of: with several rows, so wide that threads
/// hardly write to one cache line.
inline int64_t outputMultiple(int64_t rows) { return rows > 4 ? 64 : 16; }

/// The root mean square norm of rows, [M, D], divided among the threads.
template <class Element> void normalizeRows(
    const Element *x, const float *weight, Element *y, int64_t rows, int64_t width, float epsilon
) {
    forEachRange(rows, width, 1, [&](int64_t first, int64_t last) {
        typedRoutines<Element>().rmsNorm(
            x + first * width, weight, y + first * width, last - first, width, epsilon);
    });
}

/// Some of a call's operands, at most ``mostTerms``, all of the same type and dimensions.
template <class Element>
Terms<Element> termsOf(const Call &call, int64_t firstOperand, int64_t count) {
    Terms<Element> terms{};
    for (; terms.count < count; ++terms.count) {
        const Operand operand = call.operand(firstOperand + terms.count);
        terms.terms[terms.count] = operand.template as<Element>();
    }
    return terms;
}

/// A projection's weight, [out, in], with scales where it is one of integers; and its bias, [out], or
/// null.
struct ProjectionOperand {
    const void *weight;
    const float *scales;
    const float *bias;
    int64_t out;

    template <class Element>
    LinearCall<Element> product(const Element *x, Element *y, int64_t in) const {
        return {
            x, scales ? nullptr : static_cast<const Element *>(weight), bias, nullptr, y,
            std::is_same_v<Element, float>, in, out,
            scales ? static_cast<const int8_t *>(weight) : nullptr, scales,
        };
    }
};

/// Takes the projections at the end of a call's operands: each a weight, its scales where it is one
/// of integers, then perhaps a bias.
class ProjectionOperands {
public:
    ProjectionOperands(const Call &call, int64_t first) : call(call), index(first) {}

    ProjectionOperand next(const Operand &x) {
        ProjectionOperand projection = nextWeight(x);
        if (index == call.operandCount() || call.operand(index).rank() != 1) return projection;
        const Operand bias = call.operand(index++);
        require(
            bias.is(ElementType::float32, {projection.out}), "a bias must be [out] of float32");
        projection.bias = bias.as<float>();
        return projection;
    }

    /// A weight without a bias.
    ProjectionOperand nextWeight(const Operand &x) {
        const Operand weight = call.operand(index++);
        require(
            weight.isMatrix() && weight.dimension(1) == x.dimension(1)
                && (weight.type() == x.type() || weight.type() == ElementType::int8),
            "a weight must be [out, D] of the type of x or of int8");
        const int64_t out = weight.dimension(0);
        if (weight.type() == x.type()) return {weight.data(), nullptr, nullptr, out};
        const Operand scales = call.operand(index++);
        require(
            scales.is(ElementType::float32, {out, scaleCount(x.dimension(1))}),
            "the scales of an int8 weight must be [out, D/64], rounded up, of float32");
        return {weight.data(), scales.as<float>(), nullptr, out};
    }

    /// The operand that comes next.
    int64_t place() const { return index; }

    void finish() const {
        require(index == call.operandCount(), "there are more operands than projections take");
    }

private:
    const Call &call;
    int64_t index;
};

}  // namespace epas
