#include "PackedProduct.h"

namespace epas {

namespace {

/// Computes the logits of some rows at a time, which stay in the caches until their losses and
/// derivatives are taken.
template <class Element>
void run(
    const ProductCall<Element> &product, const int32_t *targets, float *losses, Element *gradients
) {
    const int64_t classes = product.columns;
    const int64_t padded = (classes + 15) / 16 * 16;
    const TypedRoutines<Element> &routines = typedRoutines<Element>();
    const int64_t block = std::min(routines.productTiling.rowBlock, product.rows);
    const PackedProduct<Element> packed(product, block * padded);
    float *logits = reinterpret_cast<float *>(packed.memory());
    for (int64_t first = 0; first < product.rows; first += block) {
        const int64_t rows = std::min(block, product.rows - first);
        ProductOperand<Element> x = product.a;
        x.numbers += first * x.stride;
        packed.multiply(x, rows, logits, padded);
        forEachRange(rows, classes, 1, [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row) {
                routines.crossEntropy(
                    logits + row * padded, padded, classes, targets[first + row],
                    losses + first + row, gradients + (first + row) * classes);
            }
        });
    }
}

}  // namespace

void crossEntropy(const Call &call) {
    require(
        call.operandCount() == 3 && call.resultCount() == 2,
        "it takes x, a weight and targets, and gives losses and derivatives");
    const Operand x = call.operand(0), weight = call.operand(1), targets = call.operand(2);
    const Operand losses = call.result(0), gradients = call.result(1);
    require(x.isRows(2), "x must be [M, D] of float32 or bfloat16");
    const int64_t rows = x.dimension(0), width = x.dimension(1);
    require(
        weight.isRows(2) && weight.dimension(1) == width
            && (weight.type() == x.type() || weight.type() == ElementType::float32),
        "the weight must be [V, D] of the type of x or of float32");
    const int64_t classes = weight.dimension(0);
    require(targets.is(ElementType::int32, {rows}), "the targets must be [M] of int32");
    require(losses.is(ElementType::float32, {rows}), "the losses must be [M] of float32");
    require(
        gradients.is(x.type(), {rows, classes}), "the derivatives must be [M, V] of the type of x");
    forElementType(x.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        ProductCall<Element> logits{
            {x.as<Element>(), width, false}, {}, {}, nullptr, 0, true, rows, classes, width, nullptr,
        };
        setRight(logits, weight, false);
        run(
            logits, targets.as<int32_t>(), losses.as<float>(), gradients.as<Element>());
    });
}

}  // namespace epas
