#include "Kernels.h"

namespace epas {

void rotary(const Call &call) {
    require(call.operandCount() == 3, "it takes x, cosine and sine");
    const Operand x = call.operand(0), cosine = call.operand(1), sine = call.operand(2);
    const Operand y = call.result();
    require(x.isRows(3), "x must be [M, n, H] of float32 or bfloat16");
    const int64_t rows = x.dimension(0), heads = x.dimension(1), head = x.dimension(2);
    require(head % 2 == 0, "H must be even");
    require(
        cosine.is(ElementType::float32, {rows, head / 2})
            && sine.is(ElementType::float32, {rows, head / 2}),
        "cosine and sine must be [M, H/2] of float32");
    require(y.is(x.type(), {rows, heads, head}), "the result must be like x");
    const int64_t width = heads * head;
    forElementType(x.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        forEachRange(rows, width, 1, [&](int64_t first, int64_t last) {
            typedRoutines<Element>().rotary(
                x.as<Element>() + first * width, cosine.as<float>() + first * (head / 2),
                sine.as<float>() + first * (head / 2), y.as<Element>() + first * width,
                last - first, heads, head);
        });
    });
}

}  // namespace epas
