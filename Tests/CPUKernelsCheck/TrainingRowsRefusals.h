// Calls of the kernels in TrainingRows.h that must be refused.

#pragma once

#include "TrainingRows.h"

namespace epas {

/// A call of these kernels in which something is wrong, and what is said of it.
struct RefusedRows {
    RowsCase call;
    std::string text;
};

inline std::vector<std::string> checkTrainingRowsRefusals(Random &random) {
    const ElementType type = ElementType::bfloat16, wide = ElementType::float32;
    const Array x(type, {2, 3}), y(wide, {2, 3}), w(wide, {3});
    const Array indices(ElementType::int32, {2}), table(wide, {5, 3});
    const RowsCase norm = makeAddRMSNorm(random, type, 2, 3);
    const RowsCase gradient = makeRMSNormGradient(random, type, 2, 3, 1, 1);
    const RowsCase gated = makeSwiGLUCall(random, type, 2, 3);
    const RowsCase gatedGradient = makeSwiGLUGradient(random, type, 2, 3, 1);
    const RowsCase rows = makeEmbedding(random, wide, type, 5, 2, 3);
    const RowsCase rowsGradient = makeEmbeddingGradient(random, type, 5, 2, 3, 1);
    std::vector<RefusedRows> all;
    const auto refuse = [&](
        RowsCase call, std::vector<Array> operands, std::vector<Array> results,
        const std::string &text
    ) {
        call.operands = std::move(operands);
        call.results = std::move(results);
        all.push_back({call, text});
    };
    const std::string normTakes =
        "it takes x, what is added to it and a weight, and gives the sum and its norm";
    refuse(norm, {x, x}, {x, x}, normTakes);
    refuse(norm, {x, x, w}, {x}, normTakes);
    refuse(
        norm, {indices, x, w}, {x, x}, "x must be [M, D] of float32 or bfloat16");
    refuse(norm, {x, y, w}, {x, x}, "what is added must be like x");
    refuse(norm, {x, x, x}, {x, x}, "the weight must be [D] of float32");
    refuse(norm, {x, x, w}, {x, y}, "the results must be like x");
    refuse(norm, {x, x, w}, {y, x}, "the results must be like x");

    const std::string gradientTakes =
        "it takes x, a weight, 1 to 8 cotangents of the norm and up to 8 that pass it by, and "
        "gives the derivatives by x and the weight";
    refuse(gradient, {x, w}, {x, w}, gradientTakes);
    refuse(gradient, {x, w, x}, {x}, gradientTakes);
    std::vector<Array> many{x, w};
    for (int i = 0; i < 10; ++i) many.push_back(x);
    refuse(gradient, many, {x, w}, gradientTakes);
    for (int32_t results : {0, -1, 3, 9, INT32_MAX, INT32_MIN}) {
        RowsCase wrong = gradient;
        wrong.settings[1].index = results;
        all.push_back({wrong, gradientTakes});
    }
    refuse(gradient, {x, x, x}, {x, w}, "the weight must be [D] of float32");
    refuse(gradient, {x, w, x, y}, {x, w}, "the cotangents must be like x");
    refuse(gradient, {x, w, Array(type, {3, 2})}, {x, w}, "the cotangents must be like x");
    refuse(gradient, {x, w, x}, {x, x}, "the results must be like x and the weight");
    refuse(gradient, {x, w, x}, {y, w}, "the results must be like x and the weight");
    RowsCase unset = gradient;
    unset.settings.pop_back();
    all.push_back({unset, "the setting results is missing or of another type"});

    refuse(gated, {x}, {x}, "it takes gates and what they let through");
    refuse(gated, {w, w}, {w}, "the gates must be [M, F] of float32 or bfloat16");
    refuse(gated, {x, y}, {x}, "what they let through must be like the gates");
    refuse(gated, {x, x}, {y}, "the result must be like the gates");
    const std::string gatedTakes =
        "it takes gates, what they let through and a cotangent, and gives two derivatives";
    refuse(gatedGradient, {x, x}, {x, x}, gatedTakes);
    refuse(gatedGradient, {x, x, x}, {x}, gatedTakes);
    refuse(
        gatedGradient, {indices, x, x}, {x, x}, "the gates must be [M, F] of float32 or bfloat16");
    const std::string like = "all operands and results must be like the gates";
    refuse(gatedGradient, {x, y, x}, {x, x}, like);
    refuse(gatedGradient, {x, x, y}, {x, x}, like);
    refuse(gatedGradient, {x, x, x}, {y, x}, like);
    refuse(gatedGradient, {x, x, x}, {x, Array(type, {2, 4})}, like);

    refuse(rows, {table}, {x}, "it takes a table and indices");
    refuse(
        rows, {Array(wide, {0, 3}), indices}, {x}, "the table must be [V, D] of float32 or bfloat16");
    refuse(rows, {table, w}, {x}, "the indices must be [M] of int32");
    refuse(rows, {table, table}, {x}, "the indices must be [M] of int32");
    const std::string result = "the result must be [M, D] of the table's type or of bfloat16";
    refuse(rows, {table, indices}, {Array(type, {2, 4})}, result);
    refuse(rows, {table, indices}, {indices}, result);
    refuse(rows, {Array(type, {5, 3}), indices}, {y}, result);
    refuse(rows, {table, Array(ElementType::int32, {0})}, {Array(type, {0, 3})}, result);

    const std::string rowsTakes =
        "it takes indices and 1 to 8 cotangents, and gives the table's gradient";
    refuse(rowsGradient, {indices}, {table}, rowsTakes);
    refuse(rowsGradient, {indices, x}, {table, table}, rowsTakes);
    refuse(rowsGradient, {indices, x, x, x, x, x, x, x, x, x}, {table}, rowsTakes);
    refuse(
        rowsGradient, {indices, w}, {table}, "the cotangents must be [M, D] of float32 or bfloat16");
    refuse(rowsGradient, {w, x}, {table}, "the indices must be [M] of int32");
    refuse(rowsGradient, {indices, x, y}, {table}, "the cotangents must be like each other");
    refuse(rowsGradient, {indices, x}, {x}, "the result must be [V, D] of float32");
    refuse(
        rowsGradient, {indices, x}, {Array(wide, {5, 4})}, "the result must be [V, D] of float32");

    std::vector<std::string> problems;
    for (const RefusedRows &each : all) {
        const std::string error = call(
            each.call.target.c_str(), each.call.operands, each.call.results, each.call.settings);
        if (error == each.call.target + ": " + each.text + ".") continue;
        problems.push_back(
            each.call.target + " said '" + error + "', not '" + each.text + "'");
    }
    return problems;
}

}  // namespace epas
