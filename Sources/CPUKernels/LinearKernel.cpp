#include "Kernels.h"

namespace epas {

namespace {

template <class Element> void run(const LinearCall<Element> &linear, int64_t rows) {
    const int64_t cost = linear.in * std::min(rows, rowBlock);
    forEachRange(linear.out, cost, outputMultiple(rows), [&](int64_t first, int64_t last) {
        forEachRowBlock(rows, [&](int64_t firstRow, int64_t lastRow) {
            typedRoutines<Element>().linear(linear, firstRow, lastRow, first, last);
        });
    });
}

}  // namespace

void linear(const Call &call) {
    const int64_t count = call.operandCount();
    require(count >= 2 && count <= 5, "it takes x, a weight, and perhaps a bias and a residual");
    const Operand x = call.operand(0), y = call.result(0);
    require(x.isRows(2), "x must be [M, D] of float32 or bfloat16");
    const int64_t rows = x.dimension(0), in = x.dimension(1);
    ProjectionOperands operands(call, 1);
    const ProjectionOperand weight = operands.nextWeight(x);
    const int64_t out = weight.out;
    require(
        y.is(x.type(), {rows, out}) || y.is(ElementType::float32, {rows, out}),
        "the result must be [M, out] of the type of x or of float32");
    const void *bias = nullptr, *residual = nullptr;
    for (int64_t i = operands.place(); i < count; ++i) {
        const Operand operand = call.operand(i);
        if (!bias && !residual && operand.is(ElementType::float32, {out})) {
            bias = operand.data();
        } else {
            require(
                !residual && operand.is(y.type(), {rows, out}),
                "after the weight come a bias [out] of float32 and a residual like the result, "
                "each or both left out");
            residual = operand.data();
        }
    }
    forElementType(x.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        LinearCall<Element> linear = weight.product<Element>(x.as<Element>(), nullptr, in);
        linear.bias = static_cast<const float *>(bias);
        linear.residual = residual;
        linear.y = y.data();
        linear.isFloat = y.type() == ElementType::float32;
        run(linear, rows);
    });
}

}  // namespace epas
