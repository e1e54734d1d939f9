#include "Kernels.h"

namespace epas {

void swiGLU(const Call &call) {
    require(call.operandCount() == 2, "it takes gates and what they let through");
    const Operand gate = call.operand(0), up = call.operand(1), y = call.result(0);
    require(gate.isRows(2), "the gates must be [M, F] of float32 or bfloat16");
    const int64_t rows = gate.dimension(0), width = gate.dimension(1);
    require(up.is(gate.type(), {rows, width}), "what they let through must be like the gates");
    require(y.is(gate.type(), {rows, width}), "the result must be like the gates");
    forElementType(gate.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        forEachRange(rows * width, 4, 64, [&](int64_t first, int64_t last) {
            typedRoutines<Element>().swiGLU(
                gate.as<Element>() + first, up.as<Element>() + first, y.as<Element>() + first,
                last - first);
        });
    });
}

void swiGLUGradient(const Call &call) {
    require(
        call.operandCount() == 3 && call.resultCount() == 2,
        "it takes gates, what they let through and a cotangent, and gives two derivatives");
    const Operand gate = call.operand(0), up = call.operand(1), cotangent = call.operand(2);
    const Operand gateGradient = call.result(0), upGradient = call.result(1);
    require(gate.isRows(2), "the gates must be [M, F] of float32 or bfloat16");
    const int64_t rows = gate.dimension(0), width = gate.dimension(1);
    for (const Operand &other : {up, cotangent, gateGradient, upGradient}) {
        require(
            other.is(gate.type(), {rows, width}),
            "all operands and results must be like the gates");
    }
    forElementType(gate.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        forEachRange(rows * width, 8, 64, [&](int64_t first, int64_t last) {
            typedRoutines<Element>().trainingRows.swiGLUGradient(
                gate.as<Element>() + first, up.as<Element>() + first,
                cotangent.as<Element>() + first, gateGradient.as<Element>() + first,
                upGradient.as<Element>() + first, last - first);
        });
    });
}

}  // namespace epas
