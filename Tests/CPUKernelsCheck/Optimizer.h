// Calls of the optimizer's kernels with random tensors, and what they should give.

#pragma once

#include <cmath>

#include "Plugin.h"

namespace epas {

/// A tensor that an update changes.
struct OptimizerTensor {
    std::vector<int64_t> dimensions;
    ElementType moments, gradient;
    bool decays;
};

struct OptimizerCase {
    std::vector<Array> scalars, parameters, first, second, gradients;
    std::vector<OptimizerTensor> tensors;
    double decay = 0.1;

    OptimizerCase(Random &random, std::vector<OptimizerTensor> tensors)
        : tensors(std::move(tensors)) {
        for (float value : {3e-3f, 2.5f, 4.25f, 0.37f}) {
            scalars.push_back(Array(ElementType::float32, {}));
            scalars.back().set(0, value);
        }
        scalars.push_back(Array(ElementType::boolean, {}));
        *scalars[4].as<bool>() = true;
        for (const OptimizerTensor &tensor : this->tensors) {
            parameters.push_back(random.array(ElementType::float32, tensor.dimensions));
            first.push_back(random.array(tensor.moments, tensor.dimensions, 1e-2f));
            second.push_back(random.array(tensor.moments, tensor.dimensions, 1e-4f));
            for (int64_t i = 0; i < second.back().count(); ++i) {
                second.back().set(i, std::fabs(second.back().at(i)));
            }
            gradients.push_back(random.array(tensor.gradient, tensor.dimensions, 1e-2f));
        }
    }

    /// The same numbers in memory of their own.
    OptimizerCase copy() const {
        OptimizerCase other = *this;
        for (auto *arrays : {&other.scalars, &other.parameters, &other.first, &other.second}) {
            for (Array &array : *arrays) {
                const Array given = array;
                array = Array(given.type, given.dimensions);
                memcpy(array.bytes.get(), given.bytes.get(), given.size());
            }
        }
        return other;
    }

    std::vector<Array> state() const {
        std::vector<Array> all = parameters;
        all.insert(all.end(), first.begin(), first.end());
        all.insert(all.end(), second.begin(), second.end());
        return all;
    }

    std::vector<Array> operands() const {
        std::vector<Array> all = scalars;
        const std::vector<Array> state = this->state();
        all.insert(all.end(), state.begin(), state.end());
        all.insert(all.end(), gradients.begin(), gradients.end());
        return all;
    }

    std::vector<Setting> settings() const {
        const auto number = [](const char *name, double value) {
            Setting setting{name, ElementType::float64};
            setting.wide = value;
            return setting;
        };
        Setting decayed{"decayed", ElementType::int64};
        decayed.isArray = true;
        for (size_t i = 0; i < tensors.size(); ++i) {
            if (tensors[i].decays) decayed.numbers.push_back(i);
        }
        return {
            number("beta1", 0.9), number("beta2", 0.95), number("epsilon", 1e-8),
            number("weight_decay", decay), decayed,
        };
    }

    /// Updates this case's own arrays.
    std::string run() const { return call("epas.adamw", operands(), state(), settings()); }

    bool isSame(const OptimizerCase &other) const {
        const std::vector<Array> mine = state(), others = other.state();
        for (size_t i = 0; i < mine.size(); ++i) {
            if (memcmp(mine[i].bytes.get(), others[i].bytes.get(), mine[i].size()) != 0) {
                return false;
            }
        }
        return true;
    }

    /// Whether `updated` is what this is after an update, in double precision; u = 2⁻²⁴. The sum of
    /// two terms, each rounded twice or three times: 3u of a first moment's terms, 5u of a second
    /// moment, half of that and three roundings more for a root and what it divides.
    std::string compare(const OptimizerCase &updated) const {
        const double u = 0x1p-24, rate = scalars[0].at(0);
        // The constants as float32 numbers, which they are rounded to.
        const double beta1 = 0.9f, rest1 = float(1 - 0.9), beta2 = 0.95f, rest2 = float(1 - 0.95);
        for (size_t tensor = 0; tensor < tensors.size(); ++tensor) {
            const double narrow = tensors[tensor].moments == ElementType::bfloat16 ? 0x1p-8 : 0;
            const double decays = tensors[tensor].decays ? float(decay) : 0;
            for (int64_t i = 0; i < parameters[tensor].count(); ++i) {
                const double p = parameters[tensor].at(i);
                const double g = double(gradients[tensor].at(i)) * scalars[3].at(0);
                const double m = beta1 * first[tensor].at(i) + rest1 * g;
                const double v = beta2 * second[tensor].at(i) + rest2 * g * g;
                const double terms =
                    beta1 * std::fabs(first[tensor].at(i)) + rest1 * std::fabs(g);
                const double divisor = std::sqrt(v * scalars[2].at(0)) + 1e-8f;
                const double moved = terms * scalars[1].at(0) / divisor + decays * std::fabs(p);
                const double expected =
                    p - rate * (m * scalars[1].at(0) / divisor + decays * p);
                const auto differs = [](double actual, double expected, double bound) {
                    return !(std::fabs(actual - expected) <= bound + 0x1p-126);
                };
                const std::string place =
                    " of tensor " + std::to_string(tensor) + ", element " + std::to_string(i);
                if (differs(updated.first[tensor].at(i), m, 3 * u * terms + narrow * std::fabs(m)))
                {
                    return "first moment" + place;
                }
                if (differs(updated.second[tensor].at(i), v, (5 * u + narrow) * v)) {
                    return "second moment" + place;
                }
                if (differs(
                        updated.parameters[tensor].at(i), expected,
                        u * std::fabs(expected) + 12 * u * rate * moved)) {
                    return "parameter" + place;
                }
            }
        }
        return "";
    }

    /// An update, the same one on several numbers of threads, and none.
    std::string check() const {
        epas_cpu_set_threads(1);
        const OptimizerCase once = copy();
        std::string error = once.run();
        if (error.empty()) error = compare(once);
        if (!error.empty()) return error;
        for (int threads : {4, 2, 3, 1}) {
            epas_cpu_set_threads(threads);
            const OptimizerCase again = copy();
            error = again.run();
            if (!error.empty()) return error;
            if (!again.isSame(once)) return "differs on " + std::to_string(threads) + " threads";
        }
        OptimizerCase none = copy();
        *none.scalars[4].as<bool>() = false;
        none.scalars[3].set(0, NAN);
        error = none.run();
        if (!error.empty()) return error;
        return none.isSame(*this) ? "" : "changes what it should leave";
    }

    /// The sum of the squares of the gradients.
    std::string checkSum() const {
        double expected = 0;
        for (const Array &array : gradients) {
            for (int64_t i = 0; i < array.count(); ++i) {
                expected += double(array.at(i)) * array.at(i);
            }
        }
        for (int threads : {1, 2, 4}) {
            epas_cpu_set_threads(threads);
            const Array result(ElementType::float32, {});
            const std::string error = call("epas.sum_of_squares", gradients, {result}, {});
            if (!error.empty()) return error;
            // A sum in double precision that lies between two float32 numbers may round to either.
            if (std::fabs(result.at(0) - expected) > (0x1p-24 + 1e-12) * expected) {
                return "sum of squares is " + std::to_string(result.at(0)) + ", expected "
                    + std::to_string(expected);
            }
        }
        return "";
    }
};

/// What is wrong with the optimizer's kernels, or nothing.
inline std::string checkOptimizer(Random &random) {
    const ElementType f = ElementType::float32, b = ElementType::bfloat16;
    std::vector<std::vector<OptimizerTensor>> lists = {
        {{{1}, f, f, true}},
        {{{}, f, b, false}},
        {{{3, 5}, b, f, true}, {{17}, b, b, false}, {{16}, f, b, true}},
        {{{65535}, f, f, true}, {{2}, f, f, false}, {{65537}, f, b, true}, {{31}, b, b, true}},
        {{{70, 3000}, b, b, true}, {{1, 1, 1}, f, f, true}, {{65536}, b, f, false}},
    };
    for (int i = 0; i < 10; ++i) {
        lists.emplace_back();
        for (int64_t count = 1 + random.below(12); count > 0; --count) {
            lists.back().push_back(
                {{1 + random.below(40), 1 + random.below(300)}, random.below(2) ? f : b,
                 random.below(2) ? f : b, random.below(2) == 1});
        }
    }
    for (size_t i = 0; i < lists.size(); ++i) {
        OptimizerCase test(random, lists[i]);
        if (i % 3 == 1) test.decay = 0;
        for (int64_t k = 0; i % 4 == 2 && k < test.gradients[0].count(); ++k) {
            test.gradients[0].set(k, 0);
        }
        std::string problem = test.check();
        if (problem.empty()) problem = test.checkSum();
        if (!problem.empty()) {
            return "epas.adamw, case " + std::to_string(i) + ": " + problem;
        }
    }
    return "";
}

/// What calls that do not fit say where that is wrong, or nothing.
inline std::string checkOptimizerRefusals(Random &random) {
    const ElementType f = ElementType::float32, b = ElementType::bfloat16;
    const OptimizerCase good(random, {{{4}, f, b, true}, {{2, 3}, b, f, false}});
    std::string problem;
    const auto expect = [&](const std::string &text, const auto &change) {
        std::vector<Array> operands = good.operands(), results = good.state();
        std::vector<Setting> settings = good.settings();
        change(operands, results, settings);
        const std::string error = call("epas.adamw", operands, results, settings);
        if (error == "epas.adamw: " + text + ".") return;
        problem = "said '" + error + "', not '" + text + "'";
    };
    expect("the setting beta2 is missing or of another type", [](auto &, auto &, auto &settings) {
        settings[1].type = ElementType::float32;
    });
    expect("the setting decayed is missing or of another type", [](auto &, auto &, auto &settings) {
        settings[4].isArray = false;
    });
    for (int64_t tensor : {int64_t(-1), int64_t(2), INT64_MAX}) {
        expect(
            "a tensor that decays is not among the operands",
            [&](auto &, auto &, auto &settings) { settings[4].numbers.push_back(tensor); });
    }
    const std::string counts =
        "it takes five scalars, then parameters, first moments, second moments and gradients, as "
        "many of each, and gives all but the gradients";
    expect(counts, [](auto &operands, auto &, auto &) { operands.pop_back(); });
    expect(counts, [](auto &, auto &results, auto &) { results.pop_back(); });
    expect(counts, [](auto &operands, auto &results, auto &) {
        operands.erase(operands.begin() + 3, operands.end());
        results.clear();
    });
    expect(
        "the learning rate, both corrections and the scale must be scalars of float32",
        [&](auto &operands, auto &, auto &) { operands[2] = Array(f, {1}); });
    expect("whether to update must be a scalar boolean", [&](auto &operands, auto &, auto &) {
        operands[4] = Array(f, {});
    });
    expect("the parameters must be of float32", [&](auto &operands, auto &, auto &) {
        operands[5] = Array(b, {4});
    });
    const std::string moments =
        "a parameter's moments must be of its shape, both of float32 or both of bfloat16";
    expect(moments, [&](auto &operands, auto &, auto &) { operands[8] = Array(f, {2, 3}); });
    expect(moments, [&](auto &operands, auto &, auto &) { operands[9] = Array(f, {5}); });
    expect(
        "a parameter's gradient must be of its shape, of float32 or bfloat16",
        [&](auto &operands, auto &, auto &) { operands[12] = Array(f, {6}); });
    const std::string itself = "the results must be the parameters and moments themselves";
    expect(itself, [&](auto &, auto &results, auto &) { results[3] = Array(b, {2, 3}); });
    expect(itself, [&](auto &, auto &results, auto &) { results[0].dimensions = {3}; });

    const auto sum = [&](std::vector<Array> operands, Array result, const std::string &text) {
        const std::string error = call("epas.sum_of_squares", operands, {result}, {});
        if (error != "epas.sum_of_squares: " + text + ".") {
            problem = "said '" + error + "', not '" + text + "'";
        }
    };
    sum({}, Array(f, {}), "it takes at least one tensor");
    sum(good.gradients, Array(f, {1}), "the result must be a scalar of float32");
    sum({good.scalars[4]}, Array(f, {}), "the tensors must be of float32 or bfloat16");
    return problem;
}

}  // namespace epas
