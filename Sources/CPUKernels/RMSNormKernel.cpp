#include "Kernels.h"

namespace epas {

void rmsNorm(const Call &call) {
    require(call.operandCount() == 2, "it takes x and a weight");
    const Operand x = call.operand(0), weight = call.operand(1), y = call.result(0);
    require(x.isRows(2), "x must be [M, D] of float32 or bfloat16");
    const int64_t rows = x.dimension(0), width = x.dimension(1);
    require(weight.is(ElementType::float32, {width}), "the weight must be [D] of float32");
    require(y.is(x.type(), {rows, width}), "the result must be like x");
    const float epsilon = call.float32("epsilon");
    forElementType(x.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        normalizeRows(
            x.as<Element>(), weight.as<float>(), y.as<Element>(), rows, width, epsilon);
    });
}

}  // namespace epas
