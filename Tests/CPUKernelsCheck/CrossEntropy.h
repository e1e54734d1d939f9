// The cross-entropy against double precision.

#pragma once

#include <cmath>

#include "Plugin.h"

namespace epas {

/// What is wrong with the losses and derivatives of random rows, or nothing.
///
/// A logit, a sum of `width` products of at most 1, is off by width² · 2⁻²⁴ at most, and the
/// exponential and a sum over all classes by some units in the last place more: an absolute error of
/// the loss, a relative one of a probability.
inline std::string checkCrossEntropy(
    Random &random, ElementType type, int64_t rows, int64_t width, int64_t classes
) {
    const Array x = random.array(type, {rows, width});
    // A float32 weight is taken as its numbers rounded to the type of x.
    const Array given =
        random.array(rows % 2 ? ElementType::float32 : type, {classes, width});
    Array w(type, {classes, width});
    for (int64_t i = 0; i < w.count(); ++i) w.set(i, given.at(i));
    Array targets(ElementType::int32, {rows});
    for (int64_t row = 0; row < rows; ++row) {
        // Every fifth one is no class.
        targets.as<int32_t>()[row] =
            row % 5 == 4 ? (row % 2 ? -1 : INT32_MAX) : random.below(classes);
    }
    const std::string name = "cross-entropy of " + std::to_string(rows) + " x "
        + std::to_string(width) + " x " + std::to_string(classes);
    std::vector<Array> first;
    for (int threads : {1, 4, 3}) {
        epas_cpu_set_threads(threads);
        const std::vector<Array> results{
            Array(ElementType::float32, {rows}), Array(type, {rows, classes})};
        const std::string error = call("epas.cross_entropy", {x, given, targets}, results);
        if (!error.empty()) return name + ": " + error;
        if (first.empty()) {
            first = results;
            continue;
        }
        for (int i = 0; i < 2; ++i) {
            if (memcmp(first[i].bytes.get(), results[i].bytes.get(), results[i].size()) != 0) {
                return name + ": differs on " + std::to_string(threads) + " threads";
            }
        }
    }
    const double rounding = type == ElementType::bfloat16 ? 0x1p-8 : 0x1p-23;
    const double bound = (double(width) * width + classes / 16.0 + 32) * 0x1p-24;
    for (int64_t row = 0; row < rows; ++row) {
        std::vector<double> logits(classes);
        double most = -INFINITY, total = 0;
        for (int64_t c = 0; c < classes; ++c) {
            for (int64_t i = 0; i < width; ++i) {
                logits[c] += double(x.at(row * width + i)) * w.at(c * width + i);
            }
            most = std::max(most, logits[c]);
        }
        for (double logit : logits) total += std::exp(logit - most);
        const int64_t target = targets.as<int32_t>()[row];
        const bool isClass = target >= 0 && target < classes;
        const double loss = std::log(total) - (isClass ? logits[target] - most : 0);
        if (!(std::fabs(first[0].at(row) - loss) <= bound * (1 + std::fabs(loss)))) {
            return name + ": loss " + std::to_string(first[0].at(row)) + ", expected "
                + std::to_string(loss);
        }
        for (int64_t c = 0; c < classes; ++c) {
            const double p = std::exp(logits[c] - most) / total;
            const double expected = p - (c == target ? 1 : 0);
            const double actual = first[1].at(row * classes + c);
            if (!(std::fabs(actual - expected)
                    <= rounding * std::fabs(expected) + 2 * bound * p + 1e-30)) {
                return name + ": derivative " + std::to_string(actual) + ", expected "
                    + std::to_string(expected);
            }
        }
    }
    return "";
}

/// A logit that is not a number, or infinite, must show in its row, and only there.
inline std::string checkCrossEntropyOfNoNumbers(Random &random, ElementType type) {
    const int64_t rows = 4, width = 3, classes = 37;
    Array x = random.array(type, {rows, width});
    const Array w = random.array(type, {classes, width});
    x.set(width, NAN);
    x.set(2 * width, INFINITY);
    Array targets(ElementType::int32, {rows});
    memset(targets.bytes.get(), 0, targets.size());
    const Array losses(ElementType::float32, {rows}), gradients(type, {rows, classes});
    const std::string error = call("epas.cross_entropy", {x, w, targets}, {losses, gradients});
    if (!error.empty()) return error;
    for (int64_t row = 0; row < rows; ++row) {
        const bool isNaN = row == 1 || row == 2;
        if (std::isnan(losses.at(row)) != isNaN) return "cross-entropy hides what is no number";
        for (int64_t c = 0; c < classes; ++c) {
            if (std::isnan(gradients.at(row * classes + c)) != isNaN) {
                return "cross-entropy's derivative hides what is no number";
            }
        }
    }
    return "";
}

inline std::string checkCrossEntropyRefusals(Random &random) {
    const ElementType type = ElementType::float32;
    const Array x = random.array(type, {2, 3}), w = random.array(type, {5, 3});
    const Array targets(ElementType::int32, {2}), losses(type, {2}), gradients(type, {2, 5});
    struct Refusal {
        std::vector<Array> operands, results;
        const char *text;
    };
    for (const Refusal &each : std::vector<Refusal>{
            {{x, w}, {losses, gradients},
                "it takes x, a weight and targets, and gives losses and derivatives"},
            {{x, w, targets}, {losses},
                "it takes x, a weight and targets, and gives losses and derivatives"},
            {{targets, w, targets}, {losses, gradients}, "x must be [M, D] of float32 or bfloat16"},
            {{x, Array(type, {5, 4}), targets}, {losses, gradients},
                "the weight must be [V, D] of the type of x or of float32"},
            {{x, Array(ElementType::bfloat16, {5, 3}), targets}, {losses, gradients},
                "the weight must be [V, D] of the type of x or of float32"},
            {{x, w, Array(ElementType::int32, {3})}, {losses, gradients},
                "the targets must be [M] of int32"},
            {{x, w, targets}, {gradients, gradients}, "the losses must be [M] of float32"},
            {{x, w, targets}, {losses, losses},
                "the derivatives must be [M, V] of the type of x"}}) {
        const std::string error = call("epas.cross_entropy", each.operands, each.results);
        if (error != std::string("epas.cross_entropy: ") + each.text + ".") {
            return "cross-entropy said '" + error + "', not '" + each.text + "'";
        }
    }
    return "";
}

}  // namespace epas
