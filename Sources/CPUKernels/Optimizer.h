// What the routines of the optimizer take.

#pragma once

#include <cstdint>

namespace epas {

/// The numbers of an update that are the same for all tensors.
struct AdamWRates {
    float learningRate, correction1, correction2;
    float scale;          // of gradients
    float beta1, rest1;   // β₁ and 1 - β₁
    float beta2, rest2;
    float epsilon;
};

/// Numbers that are updated one after the other.
struct AdamWPiece {
    float *parameter;
    void *first, *second;  // moments
    const void *gradient;
    bool momentsAreFloat, gradientIsFloat;
    float decay;
    int64_t count;
};

struct OptimizerRoutines {
    /// The sum of the squares of float32 or bfloat16 numbers.
    double (*sumOfSquares)(const void *numbers, bool isFloat, int64_t count);
    void (*adamW)(const AdamWRates &, const AdamWPiece &);
};

}  // namespace epas
