#include <memory>

#include "Kernels.h"

namespace epas {

namespace {

enum class Part { query, key, value };

/// One of the projections that a call computes.
template <class Element> struct Projection {
    Part part;
    LinearCall<Element> product;
    /// The block that each row goes to, [M]; of keys and values.
    const int32_t *target;

    int64_t heads(int64_t head) const { return product.out / head; }
};

/// What becomes of the projections.
template <class Element> struct Places {
    const float *cosines, *sines;  // [positions, H/2]
    const int32_t *position;       // [M]
    Element *pool;                 // [blocks, K, U·H]
    const int32_t *offset;         // [M]
    int64_t head, tokens;

    /// Rotates or writes to the pool a head of a row that is computed.
    void finish(const Projection<Element> &projection, int64_t row, int64_t n) const {
        Element *x =
            static_cast<Element *>(projection.product.y) + row * projection.product.out + n * head;
        if (projection.part != Part::value) {
            const int64_t angles = std::max(position[row], 0) * (head / 2);
            typedRoutines<Element>().rotary(x, cosines + angles, sines + angles, x, 1, 1, head);
        }
        if (projection.part == Part::query || projection.target[row] < 0) return;
        const int64_t heads = projection.heads(head), token = offset[row];
        Element *to = pool + (projection.target[row] * heads + n) * tokens * head;
        if (projection.part == Part::key) {
            for (int64_t h = 0; h < head; ++h) to[h * tokens + token] = x[h];
        } else {
            std::copy(x, x + head, to + token * head);
        }
    }
};

/// Divides all heads of all projections among the threads.
template <class Element> void run(
    const std::vector<Projection<Element>> &projections, const Places<Element> &places,
    int64_t rows
) {
    const int64_t head = places.head, in = projections[0].product.in;
    const int64_t multiple = (outputMultiple(rows) + head - 1) / head;
    const int64_t size = pieceSize(head * in * std::min(rows, rowBlock), multiple);
    int64_t pieces = 0;
    for (const auto &projection : projections) {
        pieces += (projection.heads(head) + size - 1) / size;
    }
    ThreadPool::shared().forEach(pieces, [&](int64_t piece) {
        const Projection<Element> *projection = projections.data();
        for (;; ++projection) {
            const int64_t count = (projection->heads(head) + size - 1) / size;
            if (piece < count) break;
            piece -= count;
        }
        const int64_t first = piece * size;
        const int64_t last = std::min(first + size, projection->heads(head));
        forEachRowBlock(rows, [&](int64_t firstRow, int64_t lastRow) {
            typedRoutines<Element>().linear(
                projection->product, firstRow, lastRow, first * head, last * head);
            for (int64_t row = firstRow; row < lastRow; ++row) {
                for (int64_t n = first; n < last; ++n) places.finish(*projection, row, n);
            }
        });
    });
}

/// Checks where a plane's rows go, and returns their blocks, [M].
const int32_t *targetsOf(
    const Operand &targets, int64_t plane, const int32_t *offset, int64_t blocks, int64_t tokens
) {
    require(plane < targets.dimension(0), "a plane is not among the targets");
    const int64_t rows = targets.dimension(1);
    const int32_t *target = targets.as<int32_t>() + plane * rows;
    for (int64_t row = 0; row < rows; ++row) {
        if (target[row] < 0) continue;
        require(target[row] < blocks, "a row's block is not in the pool");
        require(offset[row] >= 0 && offset[row] < tokens, "a row's offset is outside its block");
    }
    return target;
}

}  // namespace

void attentionInputs(const Call &call) {
    const Operand x = call.operand(0), norm = call.operand(1), cosines = call.operand(2);
    const Operand sines = call.operand(3), position = call.operand(4), pool = call.operand(5);
    const Operand targets = call.operand(6), offset = call.operand(7);
    require(x.isRows(2), "x must be [M, D] of float32 or bfloat16");
    const int64_t rows = x.dimension(0), width = x.dimension(1);
    require(norm.is(ElementType::float32, {width}), "the norm's weight must be [D] of float32");
    require(
        cosines.isRows(2) && cosines.type() == ElementType::float32
            && sines.is(ElementType::float32, {cosines.dimension(0), cosines.dimension(1)}),
        "cosines and sines must be [positions, H/2] of float32");
    const int64_t positions = cosines.dimension(0), head = 2 * cosines.dimension(1);
    require(
        position.is(ElementType::int32, {rows}) && offset.is(ElementType::int32, {rows}),
        "positions and offsets must be [M] of int32");
    for (int64_t row = 0; row < rows; ++row) {
        require(
            position.as<int32_t>()[row] < positions, "a row's position has no cosines and sines");
    }
    require(
        pool.isRows(3) && pool.type() == x.type() && pool.dimension(2) % head == 0,
        "the pool must be [blocks, K, U·H] of the type of x");
    const int64_t blocks = pool.dimension(0), heads = pool.dimension(1);
    const int64_t tokens = pool.dimension(2) / head;
    require(
        targets.type() == ElementType::int32 && targets.rank() == 2
            && targets.dimension(1) == rows,
        "targets must be [P, M] of int32");

    const bool hasQuery = call.boolean("query");
    const int64_t keyPlane = call.int32("key_plane"), valuePlane = call.int32("value_plane");
    require(hasQuery || keyPlane >= 0 || valuePlane >= 0, "there is nothing to compute");
    const Operand written = call.result(hasQuery ? 1 : 0);
    require(
        written.is(x.type(), {blocks, heads, tokens * head}) && written.data() == pool.data(),
        "the last result must be the pool itself");
    const float epsilon = call.float32("epsilon");
    ProjectionOperands operands(call, 8);
    forElementType(x.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        const std::unique_ptr<Element[]> normed(new Element[rows * width]);
        const int64_t written = (keyPlane >= 0) + (valuePlane >= 0);
        const std::unique_ptr<Element[]> keysAndValues(
            new Element[written * rows * heads * head]);
        Element *next = keysAndValues.get();
        std::vector<Projection<Element>> projections;
        if (hasQuery) {
            const ProjectionOperand query = operands.next(x);
            require(query.out % head == 0, "the query's weight must be [N·H, D]");
            const Operand result = call.result(0);
            require(
                result.is(x.type(), {rows, query.out / head, head}),
                "the queries must be [M, N, H] of the type of x");
            projections.push_back(
                {Part::query, query.product(normed.get(), result.as<Element>(), width), nullptr});
        }
        const auto add = [&](Part part, int64_t plane) {
            if (plane < 0) return;
            const ProjectionOperand operand = operands.next(x);
            require(
                operand.out == heads * head, "the weights of keys and values must be [K·H, D]");
            projections.push_back(
                {part, operand.product(normed.get(), next, width),
                 targetsOf(targets, plane, offset.as<int32_t>(), blocks, tokens)});
            next += rows * heads * head;
        };
        add(Part::key, keyPlane);
        add(Part::value, valuePlane);
        operands.finish();

        normalizeRows(
            x.as<Element>(), norm.as<float>(), normed.get(), rows, width, epsilon);
        const Places<Element> places{
            cosines.as<float>(), sines.as<float>(), position.as<int32_t>(), pool.as<Element>(),
            offset.as<int32_t>(), head, tokens,
        };
        run(projections, places, rows);
    });
}

}  // namespace epas
