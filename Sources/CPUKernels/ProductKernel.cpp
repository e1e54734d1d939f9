#include "PackedProduct.h"

namespace epas {

void product(const Call &call) {
    require(call.operandCount() == 2, "it takes two matrices");
    const Operand a = call.operand(0), b = call.operand(1), y = call.result();
    require(
        a.isRows(2) && b.isRows(2) && (a.type() == b.type() || b.type() == ElementType::float32),
        "the operands must be two matrices of float32 or of bfloat16, or the left one of bfloat16 "
        "and the right one of float32");
    const bool aSumIsMajor = call.boolean("transposes_left");
    const bool bSumIsMajor = !call.boolean("transposes_right");
    const int64_t rows = a.dimension(aSumIsMajor ? 1 : 0), sum = a.dimension(aSumIsMajor ? 0 : 1);
    const int64_t columns = b.dimension(bSumIsMajor ? 1 : 0);
    require(
        b.dimension(bSumIsMajor ? 0 : 1) == sum,
        "the dimensions that are summed over must be equal");
    require(
        y.is(a.type(), {rows, columns}) || y.is(ElementType::float32, {rows, columns}),
        "the result must be [rows, columns] of the left operand's type or of float32");
    forElementType(a.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        ProductCall<Element> product{
            {a.as<Element>(), a.dimension(1), aSumIsMajor}, {}, {}, y.data(), columns,
            y.type() == ElementType::float32, rows, columns, sum, nullptr,
        };
        setRight(product, b, bSumIsMajor);
        PackedProduct<Element>(product).multiply(product.a, rows, y.data(), columns);
    });
}

}  // namespace epas
