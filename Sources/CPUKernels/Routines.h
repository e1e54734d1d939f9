// The arithmetic of the kernels, once per instruction set. Routines work on one thread, on a part
// of a call that is already checked; what a row's result is does not depend on the part.
//
// Dimensions: M rows, N query heads, K key heads, G = N/K, H head, S sequences, C blocks per
// sequence, U tokens per block, T = C·U.

#pragma once

#include <cstdint>

#include "Call.h"
#include "Optimizer.h"
#include "TrainingAttention.h"
#include "TrainingRows.h"

namespace epas {

/// The inputs that have a scale in common, of a weight of integers.
constexpr int64_t scaleBlock = 64;

/// The scales of an output with so many inputs.
inline int64_t scaleCount(int64_t in) { return (in + scaleBlock - 1) / scaleBlock; }

/// y = x wᵀ + bias + residual.
template <class Element> struct LinearCall {
    const Element *x;       // [M, in]
    const Element *weight;  // [out, in], or null where there are integers
    const float *bias;      // [out], or null
    const void *residual;   // [M, out] of the result's type, or null
    void *y;                // [M, out]
    bool isFloat;           // whether the result's type is float32
    int64_t in, out;
    const int8_t *integers = nullptr;  // [out, in]
    const float *scales = nullptr;     // [out, scaleCount(in)]
};

/// A matrix of a product: rows or columns of the result, and numbers that are summed over.
template <class Number> struct ProductOperand {
    const Number *numbers;
    int64_t stride;    // between rows of the memory
    bool sumIsMajor;   // whether a row of the memory holds all lanes of one number of the sum
};

/// y = a b, summed over one index of each.
template <class Element> struct ProductCall {
    ProductOperand<Element> a, b;
    /// Stands for b where it has numbers: rounded to the type of a when it is packed.
    ProductOperand<float> wide;
    void *y;                  // [rows, columns]
    int64_t resultStride;     // between its rows
    bool isFloat;             // whether the result's type is float32
    int64_t rows, columns, sum;
    uint32_t *packedColumns;  // all of b
};

/// How an instruction set divides a product.
struct ProductTiling {
    int64_t panel;           // columns that are packed together
    int64_t tileRows;        // rows that are multiplied together
    int64_t rowBlock;        // rows that share a packing of theirs: the most for one call
    int64_t columnBlock;     // the most columns of one call
    int64_t packedNumbers;   // along the sum, where rows across it are packed piece by piece
    int64_t workspaceWords;  // what a call works in
};

/// Rows from `first` on that belong to one sequence; none has a negative position.
struct RowGroup {
    int64_t first;
    int32_t count;
    int32_t sequence;
};

/// What both halves of attention take.
template <class Element> struct AttentionCall {
    const Element *query;      // [M, N, H]; of probabilities only
    const Element *pool;       // [blocks, K, U·H]
    const int32_t *table;      // [S, C]
    const int32_t *position;   // [M]
    float *probabilities;      // [M, N, T]
    Element *mixed;            // [M, N, H]; of mix only
    int64_t heads, keyValueHeads, head, columns, tokens;
    /// Tokens are taken in ranges of `range` from position 0 on, which may be computed apart.
    int64_t ranges;
    float *maxima, *sums;      // [M, N, ranges]; of probabilities only
    float *partial;            // [M, N, ranges, H]; of mix only, where ranges are computed apart

    int64_t group() const { return heads / keyValueHeads; }
    int64_t length() const { return columns * tokens; }
};

/// The tokens of a range: large enough that starting one costs nothing beside it, small enough that
/// one long sequence occupies all threads.
constexpr int64_t range = 512;

/// The last of a row's ranges, plus one.
inline int64_t rangeCount(int64_t position) { return position / range + 1; }

template <class Element> struct TypedRoutines {
    /// Dot products in registers alone; returns the number of floating-point operations.
    int64_t (*dotProducts)(int64_t steps);
    void (*rmsNorm)(
        const Element *x, const float *weight, Element *y, int64_t rows, int64_t width,
        float epsilon);
    void (*rotary)(
        const Element *x, const float *cosine, const float *sine, Element *y, int64_t rows,
        int64_t heads, int64_t head);
    void (*swiGLU)(const Element *gate, const Element *up, Element *y, int64_t count);
    void (*linear)(
        const LinearCall<Element> &, int64_t firstRow, int64_t lastRow, int64_t firstOutput,
        int64_t lastOutput);
    /// The words of a panel of columns.
    int64_t (*panelWords)(int64_t sum);
    /// Packs the numbers `begin` to `end` along the sum of some panels; `begin` is even.
    void (*packColumns)(
        const ProductCall<Element> &, int64_t firstPanel, int64_t lastPanel, int64_t begin,
        int64_t end);
    /// The first column must begin a panel.
    void (*product)(
        const ProductCall<Element> &, int64_t firstRow, int64_t lastRow, int64_t firstColumn,
        int64_t lastColumn, uint32_t *workspace);
    ProductTiling productTiling;
    void (*crossEntropy)(
        float *logits, int64_t padded, int64_t classes, int64_t target, float *loss,
        Element *gradient);
    /// exp(score - maximum) for the group's rows, a key head's queries and some ranges; and each
    /// range's maximum and sum.
    void (*scores)(
        const AttentionCall<Element> &, const RowGroup &, int64_t keyValueHead, int64_t firstRange,
        int64_t lastRange);
    /// Makes probabilities of what `scores` left, once all ranges are there.
    void (*normalize)(
        const AttentionCall<Element> &, const RowGroup &, int64_t keyValueHead, int64_t firstRange,
        int64_t lastRange);
    /// Mixes all ranges, or one into `partial`.
    void (*mix)(const AttentionCall<Element> &, const RowGroup &, int64_t keyValueHead);
    void (*mixRange)(
        const AttentionCall<Element> &, const RowGroup &, int64_t keyValueHead, int64_t range);
    /// Adds up what `mixRange` left.
    void (*join)(const AttentionCall<Element> &, const RowGroup &, int64_t keyValueHead);
    TrainingAttentionRoutines<Element> trainingAttention;
    TrainingRowRoutines<Element> trainingRows;
};

struct Routines {
    const char *name;
    TypedRoutines<float> float32;
    TypedRoutines<BFloat16> bfloat16;
    OptimizerRoutines optimizer;
};

/// The best instruction set's.
const Routines &routines();

template <class Element> const TypedRoutines<Element> &typedRoutines();
template <> inline const TypedRoutines<float> &typedRoutines() { return routines().float32; }
template <> inline const TypedRoutines<BFloat16> &typedRoutines() { return routines().bfloat16; }

extern const Routines plainRoutines;
#if defined(__x86_64__)
extern const Routines avx2Routines, avx512Routines, avx512BF16Routines;
#endif

}  // namespace epas
