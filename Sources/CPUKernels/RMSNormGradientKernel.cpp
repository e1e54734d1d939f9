#include "Kernels.h"
#include "Workspace.h"

namespace epas {

namespace {

/// The rows whose contributions to the weight's gradient are added up for themselves. It depends on
/// the number of rows alone, and so do the results.
int64_t blockRows(int64_t rows) {
    constexpr int64_t fewest = 16, mostBlocks = 256;
    return std::max(fewest, (rows + mostBlocks - 1) / mostBlocks);
}

template <class Element>
void run(const RMSNormGradientCall<Element> &call, int64_t rows, float *weightGradient) {
    const int64_t width = call.width, size = blockRows(rows), count = (rows + size - 1) / size;
    const Workspace workspace(count * width);
    float *partial = reinterpret_cast<float *>(workspace.words());
    ThreadPool::shared().forEach(count, [&](int64_t block) {
        float *part = partial + block * width;
        std::fill(part, part + width, 0.0f);
        typedRoutines<Element>().trainingRows.rmsNormGradient(
            call, block * size, std::min((block + 1) * size, rows), part);
    });
    forEachRange(width, count, 16, [&](int64_t first, int64_t last) {
        std::copy(partial + first, partial + last, weightGradient + first);
        for (int64_t block = 1; block < count; ++block) {
            const float *part = partial + block * width;
            for (int64_t i = first; i < last; ++i) weightGradient[i] += part[i];
        }
    });
}

}  // namespace

void rmsNormGradient(const Call &call) {
    const int64_t results = call.int32("results"), terms = call.operandCount() - 2;
    require(
        call.resultCount() >= 2 && results >= 1 && results <= mostTerms && terms >= results
            && terms - results <= mostTerms,
        "it takes x, a weight, 1 to 8 cotangents of the norm and up to 8 that pass it by, and "
        "gives the derivatives by x and the weight");
    const Operand x = call.operand(0), weight = call.operand(1), dy = call.operand(2);
    const Operand gradient = call.result(0), weightGradient = call.result(1);
    require(dy.isRows(2), "the norm's cotangents must be [M, D] of float32 or bfloat16");
    const int64_t rows = dy.dimension(0), width = dy.dimension(1);
    require(x.is(ElementType::float32, {rows, width}), "x must be [M, D] of float32");
    require(weight.is(ElementType::float32, {width}), "the weight must be [D] of float32");
    for (int64_t i = 0; i < terms; ++i) {
        require(
            call.operand(2 + i).is((i < results ? dy : x).type(), {rows, width}),
            "the norm's cotangents must be like each other, and those that pass it by like x");
    }
    const bool rounds = dy.type() != ElementType::float32;
    require(
        gradient.is(x.type(), {rows, width}) && weightGradient.is(x.type(), {width})
            && call.resultCount() == (rounds ? 3 : 2)
            && (!rounds || call.result(2).is(dy.type(), {rows, width})),
        "the results must be like x and the weight, then, if that is not float32, like the norm's "
        "cotangents");
    const float epsilon = call.float32("epsilon");
    forElementType(dy.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        run(
            RMSNormGradientCall<Element>{
                x.as<float>(), weight.as<float>(), termsOf<Element>(call, 2, results),
                termsOf<float>(call, 2 + results, terms - results), gradient.as<float>(),
                rounds ? call.result(2).as<Element>() : nullptr, width, epsilon,
            },
            rows, weightGradient.as<float>());
    });
}

}  // namespace epas
