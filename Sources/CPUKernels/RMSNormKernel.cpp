#include "Kernels.h"

namespace epas {

void rmsNorm(const Call &call) {
    require(call.operandCount() == 2, "it takes x and a weight");
    const Operand x = call.operand(0), weight = call.operand(1), y = call.result(0);
    require(x.isRows(2), "x must be [M, D] of float32 or bfloat16");
    const int64_t rows = x.dimension(0), width = x.dimension(1);
    require(weight.is(ElementType::float32, {width}), "the weight must be [D] of float32");
    require(
        y.is(x.type(), {rows, width}) || y.is(ElementType::bfloat16, {rows, width}),
        "the result must be like x, or of bfloat16");
    const float epsilon = call.float32("epsilon");
    forElementType(y.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        if (x.type() == y.type()) {
            return normalizeRows(
                x.as<Element>(), weight.as<float>(), y.as<Element>(), rows, width, epsilon);
        }
        forEachRange(rows, width, 1, [&](int64_t first, int64_t last) {
            typedRoutines<Element>().trainingRows.rmsNormOfFloats(
                x.as<float>() + first * width, weight.as<float>(), y.as<Element>() + first * width,
                last - first, width, epsilon);
        });
    });
}

void addRMSNorm(const Call &call) {
    require(
        call.operandCount() == 3 && call.resultCount() == 2,
        "it takes x, what is added to it and a weight, and gives the sum and its norm");
    const Operand x = call.operand(0), a = call.operand(1), weight = call.operand(2);
    const Operand sum = call.result(0), y = call.result(1);
    require(a.isRows(2), "what is added must be [M, D] of float32 or bfloat16");
    const int64_t rows = a.dimension(0), width = a.dimension(1);
    require(x.is(ElementType::float32, {rows, width}), "x must be [M, D] of float32");
    require(weight.is(ElementType::float32, {width}), "the weight must be [D] of float32");
    require(
        sum.is(x.type(), {rows, width}) && y.is(a.type(), {rows, width}),
        "the results must be like x and like what is added");
    const float epsilon = call.float32("epsilon");
    forElementType(a.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        forEachRange(rows, 2 * width, 1, [&](int64_t first, int64_t last) {
            const int64_t start = first * width;
            typedRoutines<Element>().trainingRows.addRMSNorm(
                x.as<float>() + start, a.as<Element>() + start, weight.as<float>(),
                sum.as<float>() + start, y.as<Element>() + start, last - first, width, epsilon);
        });
    });
}

}  // namespace epas
