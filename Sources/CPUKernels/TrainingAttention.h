// A call of causal attention over whole sequences, as training makes it, and how its parts are laid
// out in the memory that it works in.
//
// Dimensions: B batch, T tokens, N query heads, K key heads, G = N/K, H head, L layers that have
// the same probabilities.

#pragma once

#include <algorithm>
#include <cstdint>

namespace epas {

/// The tokens of a tile: scores are computed in squares of so many queries and keys.
constexpr int64_t tileTokens = 64;

/// Rounds up to a multiple.
constexpr int64_t padded(int64_t count, int64_t multiple) {
    return (count + multiple - 1) / multiple * multiple;
}

/// How many numbers there are in the tiles of a head's probabilities up to a tile of queries: the
/// lower triangle, tile row by tile row, each of them 64 rows of as many keys as it sees.
constexpr int64_t triangle(int64_t queryTiles) {
    return tileTokens * tileTokens * (queryTiles * (queryTiles + 1) / 2);
}

/// The sizes of a head's parts, in words of 32 bits: a float32 number, or a pair of bfloat16 numbers
/// where there are dot products of pairs.
struct AttentionSizes {
    /// The words of a token's numbers, and as many as are set aside for them.
    int64_t steps, stride;
    /// The numbers that are set aside for a token's numbers.
    int64_t width;
    /// The words of a tile's tokens.
    int64_t tokenSteps;

    /// - Parameter depth: The numbers in a word.
    AttentionSizes(int64_t head, int64_t depth)
        : steps((head + depth - 1) / depth), stride(padded(steps, 16)), width(padded(head, 16)),
          tokenSteps(tileTokens / depth) {}

    /// A tile with a word of numbers next to the following one: [token][stride].
    int64_t rows() const { return tileTokens * stride; }
    /// A tile with a token next to the following one: [stride][token].
    int64_t columns() const { return stride * tileTokens; }
    /// A tile whose words are along the tokens: [tokenSteps][width], or [width][tokenSteps].
    int64_t pairs() const { return tokenSteps * width; }
};

/// The logarithm of the sum of a row's powers of scores, in two parts: their sum alone would be off
/// by up to 2⁻²⁴ of the largest score, and with it all of the row's probabilities.
struct LogSumExp {
    /// The largest score.
    float maximum;
    /// The logarithm of the sum of the powers of the scores less the largest one.
    float logarithm;
};

/// What a layer brings to the backward pass of its probabilities.
template <class Element> struct AttentionLayer {
    const Element *value;     // [B, T, K, H]
    const Element *output;    // [B, T, N, H]
    const Element *gradient;  // [B, T, N, H], of the output
};

template <class Element> struct TrainingAttention {
    int64_t batch, length, heads, keyValueHeads, head;
    const Element *query, *key, *value;
    /// Kept probabilities, [B, N, triangle]; null where they are neither kept nor wanted.
    Element *probabilities;
    LogSumExp *logSumExp;  // [B, N, T]; null where the probabilities are given
    /// Whether `logSumExp` is given, not wanted.
    bool isNormalized;
    Element *output;  // [B, T, N, H]

    const Element *outputGradient;  // [B, T, N, H]
    const AttentionLayer<Element> *layers;
    int64_t layerCount;
    Element *queryGradient, *keyGradient, *valueGradient;

    /// Packed operands, for all heads; see the routines.
    uint32_t *queryRows, *keyColumns, *valuePairs, *gradientPairs;
    /// Gradients by query head, [B, N, T, H], where several of them share a key head.
    float *keyPartial, *valuePartial;

    int64_t group() const { return heads / keyValueHeads; }
    int64_t tiles() const { return (length + tileTokens - 1) / tileTokens; }
    /// The tokens of a tile that there are.
    int64_t tokens(int64_t tile) const {
        const int64_t left = length - tile * tileTokens;
        return left < tileTokens ? left : tileTokens;
    }
};

/// What an instruction set does on one thread. `memory` is what the task works in.
template <class Element> struct TrainingAttentionRoutines {
    /// The numbers in a word.
    int64_t depth;
    void (*packKeys)(
        const TrainingAttention<Element> &, int64_t b, int64_t k, int64_t tile, uint32_t *memory);
    void (*packQueries)(
        const TrainingAttention<Element> &, int64_t b, int64_t n, int64_t tile, uint32_t *memory);
    void (*attend)(
        const TrainingAttention<Element> &, int64_t b, int64_t n, int64_t tile, uint32_t *memory);
    void (*valueGradient)(
        const TrainingAttention<Element> &, int64_t b, int64_t k, int64_t tile, uint32_t *memory);
    void (*gradient)(
        const TrainingAttention<Element> &, int64_t b, int64_t n, uint32_t *memory);
    void (*addGroup)(const TrainingAttention<Element> &, int64_t b, int64_t k, int64_t tile);

    AttentionSizes sizes(int64_t head) const { return AttentionSizes(head, depth); }

    /// The words that a task works in, by routine.
    int64_t packWords(int64_t head) const {
        return std::max(sizes(head).rows(), sizes(head).pairs());
    }
    int64_t attendWords(int64_t head, int64_t tiles) const {
        // Scores, probabilities, and those as words; each beginning at a multiple of sixteen.
        return sizes(head).rows() + 3 * tileTokens * tiles * tileTokens
            + tileTokens * sizes(head).width;
    }
    int64_t valueGradientWords(int64_t head) const {
        return 2 * tileTokens * sizes(head).width + 2 * tileTokens * tileTokens;
    }
    int64_t gradientWords(int64_t head, int64_t tiles, int64_t layers) const {
        const AttentionSizes sizes = this->sizes(head);
        return tiles * ((1 + layers) * (sizes.rows() + sizes.columns()) + 3 * sizes.pairs())
            + tiles * tileTokens * (1 + sizes.width) + 3 * tileTokens * sizes.width
            + 5 * tileTokens * tileTokens;
    }
};

}  // namespace epas
