#include "Kernels.h"

namespace epas {

namespace {

/// Copies all rows of one head into the pool.
template <class Element> void write(
    Element *pool, const Element *x, const int32_t *block, const int32_t *offset, int64_t rows,
    int64_t heads, int64_t head, int64_t tokens, int64_t n, bool areKeys
) {
    for (int64_t row = 0; row < rows; ++row) {
        if (block[row] < 0) continue;
        const Element *from = x + (row * heads + n) * head;
        Element *to = pool + (block[row] * heads + n) * tokens * head;
        if (areKeys) {
            for (int64_t h = 0; h < head; ++h) to[h * tokens + offset[row]] = from[h];
        } else {
            std::copy(from, from + head, to + offset[row] * head);
        }
    }
}

}  // namespace

void cacheWrite(const Call &call) {
    require(call.operandCount() == 4, "it takes a pool, x, block and offset");
    const Operand pool = call.operand(0), x = call.operand(1), block = call.operand(2);
    const Operand offset = call.operand(3), result = call.result();
    require(x.isRows(3), "x must be [M, K, H] of float32 or bfloat16");
    const int64_t rows = x.dimension(0), heads = x.dimension(1), head = x.dimension(2);
    require(
        pool.isRows(3) && pool.type() == x.type() && pool.dimension(1) == heads
            && pool.dimension(2) % head == 0,
        "the pool must be [blocks, K, U·H] of the type of x");
    const int64_t blocks = pool.dimension(0), tokens = pool.dimension(2) / head;
    require(
        block.is(ElementType::int32, {rows}) && offset.is(ElementType::int32, {rows}),
        "block and offset must be [M] of int32");
    require(
        result.is(x.type(), {blocks, heads, tokens * head}) && result.data() == pool.data(),
        "the result must be the pool itself");
    for (int64_t row = 0; row < rows; ++row) {
        const int32_t at = block.as<int32_t>()[row], in = offset.as<int32_t>()[row];
        if (at < 0) continue;
        require(at < blocks, "a row's block is not in the pool");
        require(in >= 0 && in < tokens, "a row's offset is outside its block");
    }
    const bool areKeys = call.boolean("keys");
    forElementType(x.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        forEachRange(heads, rows * head * 4, 1, [&](int64_t first, int64_t last) {
            for (int64_t n = first; n < last; ++n) {
                write(
                    result.as<Element>(), x.as<Element>(), block.as<int32_t>(),
                    offset.as<int32_t>(), rows, heads, head, tokens, n, areKeys);
            }
        });
    });
}

}  // namespace epas
