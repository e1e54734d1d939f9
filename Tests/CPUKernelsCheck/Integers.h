// Weights of 8-bit integers in `epas.linear`, beside the elements that they stand for.

#pragma once

#include <array>

#include "Kernel.h"

namespace epas {

/// Integers give, bit for bit, what the elements give that they stand for.
///
/// - Returns: What is wrong, or nothing.
inline std::string checkIntegers(Random &random, ElementType type) {
    for (const auto &[m, in, out] : {std::array<int64_t, 3>{1, 1, 1}, {1, 64, 4}, {1, 65, 5},
            {2, 130, 9}, {5, 33, 6}, {6, 768, 40}, {7, 768, 40}, {13, 31, 3}, {130, 96, 70},
            {1, 4160, 8}, {9, 4160, 8}, {8, 2085, 21}, {131, 2100, 5}}) {
        for (ElementType resultType : {type, ElementType::float32}) {
            const IntegerWeight weight(random, type, out, in);
            const Array x = random.array(type, {m, in});
            const Array first(resultType, {m, out}), second(resultType, {m, out});
            std::string error = call("epas.linear", {x, weight.integers, weight.scales}, {first});
            if (error.empty()) error = call("epas.linear", {x, weight.elements}, {second});
            if (!error.empty()) return error;
            if (memcmp(first.bytes.get(), second.bytes.get(), first.size()) != 0) {
                return "epas.linear: " + std::to_string(m) + " rows of " + std::to_string(in)
                    + ": integers give something else than their elements";
            }
        }
    }
    return "";
}

/// Calls in which integers and scales do not fit.
inline std::string checkIntegerRefusals(Random &random) {
    const ElementType type = ElementType::float32;
    const KernelCall good = makeLinear(random, type, type, 2, 65, 4, true, true, true);
    std::string problem;
    const auto expect = [&](const std::vector<Array> &operands, const std::string &text) {
        const std::string error = call("epas.linear", operands, {good.result});
        if (error != "epas.linear: " + text + ".") problem = "epas.linear said '" + error + "'";
    };
    std::vector<Array> operands = good.operands;
    for (const Array &scales : {Array(type, {4, 1}), Array(type, {4, 3}), Array(type, {3, 2}),
            Array(type, {4}), Array(ElementType::bfloat16, {4, 2})}) {
        operands[2] = scales;
        expect(
            operands, "the scales of an int8 weight must be [out, D/64], rounded up, of float32");
    }
    operands.erase(operands.begin() + 2, operands.end());
    expect(operands, "an operand or result is missing");
    operands = good.operands;
    operands.push_back(operands.back());
    expect(operands, "it takes x, a weight, and perhaps a bias and a residual");
    return problem;
}

}  // namespace epas
