// Products that must be refused.

#pragma once

#include "Products.h"

namespace epas {

/// - Parameter expectRefusal: Takes a call and the text that refuses it.
template <class Expect>
void checkProductRefusals(Random &random, const Expect &expectRefusal) {
    const ElementType type = ElementType::bfloat16;
    const KernelCall good = makeProduct(random, type, type, {3, 4, 5}, false, true);
    const auto expect = [&](std::vector<Array> operands, Array result, const char *text) {
        KernelCall call = good;
        call.operands = std::move(operands);
        call.result = std::move(result);
        expectRefusal(call, text);
    };
    const Array &a = good.operands[0], &b = good.operands[1], &y = good.result;
    expect({a}, y, "it takes two matrices");
    for (const Array &other : {Array(ElementType::int32, {5, 4}), Array(type, {5, 0}),
            Array(type, {5}), Array(type, {1, 5, 4})}) {
        expect(
            {a, other}, y,
            "the operands must be two matrices of float32 or of bfloat16, or the left one of "
            "bfloat16 and the right one of float32");
    }
    expect(
        {random.array(ElementType::float32, {3, 4}), b}, y,
        "the operands must be two matrices of float32 or of bfloat16, or the left one of bfloat16 "
        "and the right one of float32");
    expect(
        {a, Array(type, {4, 5})}, y, "the dimensions that are summed over must be equal");
    for (const Array &other : {Array(type, {5, 3}), Array(ElementType::int32, {3, 5})}) {
        expect(
            {a, b}, other,
            "the result must be [rows, columns] of the left operand's type or of float32");
    }
    KernelCall unset = good;
    unset.settings.pop_back();
    expectRefusal(unset, "the setting transposes_right is missing or of another type");
}

}  // namespace epas
