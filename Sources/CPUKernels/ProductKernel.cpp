#include <atomic>

#include "Kernels.h"
#include "Workspace.h"

namespace epas {

namespace {

/// Pieces of a call's workspace, of which each thread at work has one.
class Pieces {
public:
    Pieces(uint32_t *words, int64_t size, int count)
        : words(words), size(size), free(count < 64 ? (uint64_t(1) << count) - 1 : ~uint64_t(0)) {}

    /// Calls the body with a piece. There must be as many pieces as threads.
    template <class Body> void with(const Body &body) {
        uint64_t now = free.load(std::memory_order_relaxed);
        int index;
        do {
            while (now == 0) now = free.load(std::memory_order_relaxed);
            index = __builtin_ctzll(now);
        } while (!free.compare_exchange_weak(
            now, now & ~(uint64_t(1) << index), std::memory_order_acquire));
        body(words + index * size);
        free.fetch_or(uint64_t(1) << index, std::memory_order_release);
    }

private:
    uint32_t *const words;
    const int64_t size;
    std::atomic<uint64_t> free;
};

int64_t quotient(int64_t dividend, int64_t divisor) { return (dividend + divisor - 1) / divisor; }

template <class Element> void run(ProductCall<Element> call) {
    const TypedRoutines<Element> &routines = typedRoutines<Element>();
    const ProductTiling &tiling = routines.productTiling;
    ThreadPool &pool = ThreadPool::shared();
    const int64_t panels = quotient(call.columns, tiling.panel);
    const int64_t packed = panels * routines.panelWords(call.sum);
    const int threads = std::min(pool.threads(), 64);
    const Workspace workspace(packed + threads * tiling.workspaceWords);
    call.packedColumns = workspace.words();
    pool.forEach(panels, [&](int64_t panel) {
        routines.packColumns(call, panel, panel + 1);
    });
    // Rows in blocks as equal as can be, of the size that the routine packs at most.
    Pieces pieces(workspace.words() + packed, tiling.workspaceWords, threads);
    const int64_t rowBlocks = quotient(call.rows, tiling.rowBlock);
    const int64_t columnBlocks = quotient(panels * tiling.panel, tiling.columnBlock);
    pool.forEach(rowBlocks * columnBlocks, [&](int64_t index) {
        const int64_t row = index % rowBlocks * tiling.rowBlock;
        const int64_t column = index / rowBlocks * tiling.columnBlock;
        pieces.with([&](uint32_t *piece) {
            routines.product(
                call, row, std::min(row + tiling.rowBlock, call.rows), column,
                std::min(column + tiling.columnBlock, call.columns), piece);
        });
    });
}

}  // namespace

void product(const Call &call) {
    require(call.operandCount() == 2, "it takes two matrices");
    const Operand a = call.operand(0), b = call.operand(1), y = call.result();
    require(
        a.isRows(2) && b.isRows(2) && a.type() == b.type(),
        "the operands must be two matrices of float32 or of bfloat16");
    const bool aSumIsMajor = call.boolean("transposes_left");
    const bool bSumIsMajor = !call.boolean("transposes_right");
    const int64_t rows = a.dimension(aSumIsMajor ? 1 : 0), sum = a.dimension(aSumIsMajor ? 0 : 1);
    const int64_t columns = b.dimension(bSumIsMajor ? 1 : 0);
    require(
        b.dimension(bSumIsMajor ? 0 : 1) == sum,
        "the dimensions that are summed over must be equal");
    require(
        y.is(a.type(), {rows, columns}) || y.is(ElementType::float32, {rows, columns}),
        "the result must be [rows, columns] of the type of the operands or of float32");
    forElementType(a.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        run(ProductCall<Element>{
            {a.as<Element>(), a.dimension(1), aSumIsMajor},
            {b.as<Element>(), b.dimension(1), bSumIsMajor}, y.data(),
            y.type() == ElementType::float32, rows, columns, sum, nullptr,
        });
    });
}

}  // namespace epas
