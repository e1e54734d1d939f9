#include <memory>

#include "Kernels.h"

namespace epas {

void gatedLinear(const Call &call) {
    const Operand x = call.operand(0), norm = call.operand(1), y = call.result(0);
    require(x.isRows(2), "x must be [M, D] of float32 or bfloat16");
    const int64_t rows = x.dimension(0), width = x.dimension(1);
    require(norm.is(ElementType::float32, {width}), "the norm's weight must be [D] of float32");
    ProjectionOperands operands(call, 2);
    const ProjectionOperand gate = operands.next(x), up = operands.next(x);
    operands.finish();
    const int64_t out = gate.out;
    require(up.out == out, "gate and up must be equally wide");
    require(y.is(x.type(), {rows, out}), "the result must be [M, F] of the type of x");
    const float epsilon = call.float32("epsilon");
    forElementType(x.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        const std::unique_ptr<Element[]> normed(new Element[rows * width]);
        const std::unique_ptr<Element[]> both(new Element[2 * rows * out]);
        normalizeRows(
            x.as<Element>(), norm.as<float>(), normed.get(), rows, width, epsilon);
        Element *gates = both.get(), *ups = both.get() + rows * out;
        const LinearCall<Element> toGates = gate.product(normed.get(), gates, width);
        const LinearCall<Element> toUps = up.product(normed.get(), ups, width);
        const TypedRoutines<Element> &routines = typedRoutines<Element>();
        const int64_t cost = 2 * width * std::min(rows, rowBlock);
        forEachRange(out, cost, outputMultiple(rows), [&](int64_t first, int64_t last) {
            forEachRowBlock(rows, [&](int64_t firstRow, int64_t lastRow) {
                routines.linear(toGates, firstRow, lastRow, first, last);
                routines.linear(toUps, firstRow, lastRow, first, last);
                for (int64_t row = firstRow; row < lastRow; ++row) {
                    const int64_t place = row * out + first;
                    routines.swiGLU(
                        gates + place, ups + place, y.as<Element>() + place, last - first);
                }
            });
        });
    });
}

}  // namespace epas
