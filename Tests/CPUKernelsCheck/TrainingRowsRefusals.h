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
    refuse(norm, {y, x}, {y, x}, normTakes);
    refuse(norm, {y, x, w}, {y}, normTakes);
    refuse(
        norm, {y, indices, w}, {y, x}, "what is added must be [M, D] of float32 or bfloat16");
    refuse(norm, {x, x, w}, {y, x}, "x must be [M, D] of float32");
    refuse(norm, {Array(wide, {3, 2}), x, w}, {y, x}, "x must be [M, D] of float32");
    refuse(norm, {y, x, x}, {y, x}, "the weight must be [D] of float32");
    const std::string normGives = "the results must be like x and like what is added";
    refuse(norm, {y, x, w}, {y, y}, normGives);
    refuse(norm, {y, x, w}, {x, x}, normGives);

    const std::string gradientTakes =
        "it takes x, a weight, 1 to 8 cotangents of the norm and up to 8 that pass it by, and "
        "gives the derivatives by x and the weight";
    refuse(gradient, {y, w}, {y, w, x}, gradientTakes);
    refuse(gradient, {y, w, x}, {y}, gradientTakes);
    std::vector<Array> many{y, w, x};
    for (int i = 0; i < 9; ++i) many.push_back(y);
    refuse(gradient, many, {y, w, x}, gradientTakes);
    for (int32_t results : {0, -1, 3, 9, INT32_MAX, INT32_MIN}) {
        RowsCase wrong = gradient;
        wrong.settings[1].index = results;
        all.push_back({wrong, gradientTakes});
    }
    refuse(
        gradient, {y, w, indices}, {y, w, x},
        "the norm's cotangents must be [M, D] of float32 or bfloat16");
    refuse(gradient, {x, w, x}, {y, w, x}, "x must be [M, D] of float32");
    refuse(gradient, {y, w, Array(type, {3, 2})}, {y, w, x}, "x must be [M, D] of float32");
    refuse(gradient, {y, x, x}, {y, w, x}, "the weight must be [D] of float32");
    const std::string cotangents =
        "the norm's cotangents must be like each other, and those that pass it by like x";
    refuse(gradient, {y, w, x, x}, {y, w, x}, cotangents);
    refuse(gradient, {y, w, x, Array(wide, {3, 2})}, {y, w, x}, cotangents);
    RowsCase two = gradient;
    two.settings[1].index = 2;
    refuse(two, {y, w, x, y}, {y, w, x}, cotangents);
    const std::string gradientGives =
        "the results must be like x and the weight, then, if that is not float32, like the norm's "
        "cotangents";
    refuse(gradient, {y, w, x}, {y, x, x}, gradientGives);
    refuse(gradient, {y, w, x}, {x, w, x}, gradientGives);
    refuse(gradient, {y, w, x}, {y, w}, gradientGives);
    refuse(gradient, {y, w, x}, {y, w, y}, gradientGives);
    refuse(gradient, {y, w, x}, {y, w, Array(type, {2, 4})}, gradientGives);
    refuse(gradient, {y, w, y}, {y, w, y}, gradientGives);
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

    refuse(rows, {table}, {y}, "it takes a table and indices");
    refuse(
        rows, {Array(wide, {0, 3}), indices}, {y}, "the table must be [V, D] of float32 or bfloat16");
    refuse(rows, {table, w}, {y}, "the indices must be [M] of int32");
    refuse(rows, {table, table}, {y}, "the indices must be [M] of int32");
    const std::string result = "the result must be [M, D] of float32";
    refuse(rows, {table, indices}, {Array(wide, {2, 4})}, result);
    refuse(rows, {table, indices}, {indices}, result);
    refuse(rows, {Array(type, {5, 3}), indices}, {x}, result);
    refuse(rows, {table, Array(ElementType::int32, {0})}, {Array(wide, {0, 3})}, result);
    RowsCase unrounded = rows;
    unrounded.settings.clear();
    all.push_back({unrounded, "the setting rounds is missing or of another type"});

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
