#include "Kernels.h"
#include "Workspace.h"

namespace epas {

namespace {

/// The places of each index, in order: those of index i are `places[starts[i] ..< starts[i + 1]]`.
struct Places {
    uint32_t *starts, *places;

    static int64_t words(int64_t rows, int64_t count) { return rows + 1 + count; }

    /// - Parameter memory: As many words as ``words`` says.
    Places(const int32_t *indices, int64_t count, int64_t rows, uint32_t *memory)
        : starts(memory), places(memory + rows + 1) {
        // Sorts by counting. Indices outside the table are left out.
        std::fill(starts, starts + rows + 1, 0u);
        for (int64_t i = 0; i < count; ++i) {
            if (isInside(indices[i], rows)) ++starts[indices[i] + 1];
        }
        for (int64_t row = 0; row < rows; ++row) starts[row + 1] += starts[row];
        for (int64_t i = 0; i < count; ++i) {
            if (isInside(indices[i], rows)) {
                places[starts[indices[i]]++] = static_cast<uint32_t>(i);
            }
        }
        // Each start has moved to the next one's.
        for (int64_t row = rows; row > 0; --row) starts[row] = starts[row - 1];
        starts[0] = 0;
    }

private:
    static bool isInside(int32_t index, int64_t rows) { return index >= 0 && index < rows; }
};

template <class Element>
void addRows(
    const Terms<Element> &terms, const Places &places, int64_t rows, int64_t width, float *sums
) {
    forEachRange(rows, width, 1, [&](int64_t first, int64_t last) {
        std::fill(sums + first * width, sums + last * width, 0.0f);
        for (int64_t row = first; row < last; ++row) {
            for (uint32_t i = places.starts[row]; i < places.starts[row + 1]; ++i) {
                typedRoutines<Element>().trainingRows.addTerms(
                    terms, places.places[i] * width, sums + row * width, width);
            }
        }
    });
}

}  // namespace

void embedding(const Call &call) {
    require(call.operandCount() == 2, "it takes a table and indices");
    const Operand table = call.operand(0), indices = call.operand(1), y = call.result(0);
    require(table.isRows(2), "the table must be [V, D] of float32 or bfloat16");
    const int64_t rows = table.dimension(0), width = table.dimension(1);
    require(indices.rank() == 1, "the indices must be [M] of int32");
    const int64_t count = indices.dimension(0);
    require(indices.is(ElementType::int32, {count}), "the indices must be [M] of int32");
    require(
        count >= 1 && y.is(ElementType::float32, {count, width}),
        "the result must be [M, D] of float32");
    const bool rounds = call.boolean("rounds") && table.type() == ElementType::float32;
    forElementType(table.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        forEachRange(count, width, 1, [&](int64_t first, int64_t last) {
            for (int64_t i = first; i < last; ++i) {
                const int64_t row =
                    std::clamp<int64_t>(indices.as<int32_t>()[i], 0, rows - 1);
                float *to = y.as<float>() + i * width;
                if (rounds) {
                    routines().bfloat16.trainingRows.roundFloats(
                        table.as<float>() + row * width, to, width);
                } else {
                    typedRoutines<Element>().trainingRows.toFloats(
                        table.as<Element>() + row * width, to, width);
                }
            }
        });
    });
}

void embeddingGradient(const Call &call) {
    const int64_t count = call.operandCount() - 1;
    require(
        count >= 1 && count <= mostTerms && call.resultCount() == 1,
        "it takes indices and 1 to 8 cotangents, and gives the table's gradient");
    const Operand indices = call.operand(0), first = call.operand(1), sums = call.result(0);
    require(first.isRows(2), "the cotangents must be [M, D] of float32 or bfloat16");
    const int64_t length = first.dimension(0), width = first.dimension(1);
    require(indices.is(ElementType::int32, {length}), "the indices must be [M] of int32");
    require(length <= INT32_MAX, "there are too many indices");
    for (int64_t i = 1; i <= count; ++i) {
        require(
            call.operand(i).is(first.type(), {length, width}),
            "the cotangents must be like each other");
    }
    require(
        sums.isRows(2) && sums.is(ElementType::float32, {sums.dimension(0), width}),
        "the result must be [V, D] of float32");
    const int64_t rows = sums.dimension(0);
    const Workspace workspace(Places::words(rows, length));
    const Places places(indices.as<int32_t>(), length, rows, workspace.words());
    forElementType(first.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        addRows(termsOf<Element>(call, 1, count), places, rows, width, sums.as<float>());
    });
}

}  // namespace epas
