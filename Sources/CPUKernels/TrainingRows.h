// What the kernels of training that take each row for itself need beyond those of inference.
//
// Dimensions: M rows, D model.

#pragma once

#include <cstdint>

namespace epas {

/// The most tensors that a kernel adds up on the way.
constexpr int64_t mostTerms = 8;

/// Tensors of the same shape that stand for their sum.
template <class Element> struct Terms {
    const Element *terms[mostTerms];
    int64_t count = 0;
};

/// The derivative of a root mean square norm by its operands.
template <class Element> struct RMSNormGradientCall {
    const float *x;          // [M, D]
    const float *weight;     // [D]
    Terms<Element> results;  // [M, D], of the norm; at least one
    Terms<float> passed;     // [M, D], which pass the norm by; perhaps none
    float *gradient;         // [M, D]
    Element *rounded;        // [M, D], the same; or null
    int64_t width;
    float epsilon;
};

template <class Element> struct TrainingRowRoutines {
    void (*rmsNormOfFloats)(
        const float *x, const float *weight, Element *y, int64_t rows, int64_t width,
        float epsilon);
    /// sum = x + a, and the norm of that.
    void (*addRMSNorm)(
        const float *x, const Element *a, const float *weight, float *sum, Element *y,
        int64_t rows, int64_t width, float epsilon);
    /// Also adds what the rows contribute to the weight's gradient, [D].
    void (*rmsNormGradient)(
        const RMSNormGradientCall<Element> &, int64_t firstRow, int64_t lastRow,
        float *weightGradient);
    void (*swiGLUGradient)(
        const Element *gate, const Element *up, const Element *cotangent, Element *gateGradient,
        Element *upGradient, int64_t count);
    /// Adds a row of the terms' sum, which begins at number `first` of theirs.
    void (*addTerms)(const Terms<Element> &, int64_t first, float *sum, int64_t count);
    void (*toFloats)(const Element *from, float *to, int64_t count);
    /// Rounds numbers as elements are.
    void (*roundFloats)(const float *from, float *to, int64_t count);
};

}  // namespace epas
