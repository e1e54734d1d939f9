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
void linear(const Call &);
void product(const Call &);
void crossEntropy(const Call &);
void rotary(const Call &);
void swiGLU(const Call &);
void cacheWrite(const Call &);
void attentionProbabilities(const Call &);
void attentionMix(const Call &);
void attention(const Call &);
void attentionGradient(const Call &);
void sharedAttention(const Call &);
void sharedAttentionGradient(const Call &);

/// Calls the body with a null pointer to the C++ type of an element type of rows.
template <class Body> void forElementType(ElementType type, const Body &body) {
    if (type == ElementType::bfloat16) {
        body(static_cast<BFloat16 *>(nullptr));
    } else {
        body(static_cast<float *>(nullptr));
    }
}

/// Calls the body with ranges that together are 0 to `count`, on several threads where there is
/// enough to do.
///
/// - Parameters:
///   - cost: The numbers that one step reads.
///   - multiple: What all ranges but the last are a multiple of.
template <class Body>
void forEachRange(int64_t count, int64_t cost, int64_t multiple, const Body &body) {
    // A few microseconds of work: less is not worth the way to another thread.
    constexpr int64_t piece = 32768;
    const int64_t steps = std::max<int64_t>(piece / std::max<int64_t>(cost, 1), 1);
    const int64_t size = (steps + multiple - 1) / multiple * multiple;
    ThreadPool::shared().forEach((count + size - 1) / size, [&](int64_t index) {
        body(index * size, std::min((index + 1) * size, count));
    });
}

}  // namespace epas
