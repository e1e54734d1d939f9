// Products of packed matrices on all threads.

#pragma once

#include <numeric>

#include "Kernels.h"
#include "TaskMemories.h"
#include "Workspace.h"

namespace epas {

/// Gives the product its right matrix: of the type of the left one, or of float32.
template <class Element>
void setRight(ProductCall<Element> &call, const Operand &matrix, bool sumIsMajor) {
    if (matrix.type() == ElementType::float32 && sizeof(Element) < sizeof(float)) {
        call.wide = {matrix.as<float>(), matrix.dimension(1), sumIsMajor};
    } else {
        call.b = {matrix.as<Element>(), matrix.dimension(1), sumIsMajor};
    }
}

/// A product whose right matrix is packed once, for any number of left ones.
template <class Element> class PackedProduct {
public:
    /// - Parameters:
    ///   - call: What is to be multiplied; its left matrix and result may be others later.
    ///   - more: Words of memory for the caller.
    /// - Throws: std::bad_alloc
    explicit PackedProduct(ProductCall<Element> call, int64_t more = 0)
        : routines(typedRoutines<Element>()), call(call),
          panels(quotient(call.columns, routines.productTiling.panel)),
          packed(panels * routines.panelWords(call.sum)),
          threads(std::min(ThreadPool::shared().threads(), 64)),
          workspace(packed + threads * routines.productTiling.workspaceWords + more) {
        this->call.packedColumns = workspace.words();
        if (call.wide.numbers ? call.wide.sumIsMajor : call.b.sumIsMajor) {
            const int64_t piece = routines.productTiling.packedNumbers;
            ThreadPool::shared().forEach(quotient(call.sum, piece), [&](int64_t index) {
                routines.packColumns(
                    this->call, 0, panels, index * piece,
                    std::min((index + 1) * piece, call.sum));
            });
        } else {
            ThreadPool::shared().forEach(panels, [&](int64_t panel) {
                routines.packColumns(this->call, panel, panel + 1, 0, call.sum);
            });
        }
    }

    /// The rows that are best multiplied at once, where there are more than can be.
    int64_t rowBlock() const { return routines.productTiling.rowBlock; }

    /// The caller's memory.
    uint32_t *memory() const {
        return workspace.words() + packed + threads * routines.productTiling.workspaceWords;
    }

    /// Multiplies some rows; `y` gets them `stride` apart.
    void multiply(const ProductOperand<Element> &a, int64_t rows, void *y, int64_t stride) const {
        ProductCall<Element> call = this->call;
        call.a = a;
        call.rows = rows;
        call.y = y;
        call.resultStride = stride;
        const ProductTiling &tiling = routines.productTiling;
        TaskMemories memories(threads, tiling.workspaceWords, workspace.words() + packed);
        const int64_t columnBlocks = quotient(panels * tiling.panel, tiling.columnBlock);
        const int64_t tiles = quotient(rows, tiling.tileRows);
        // Several tasks for each thread, as equal as can be and as many as for any other: some
        // threads are slower than others, and none should be left with a whole task when the others
        // are done.
        const int64_t wanted =
            std::max(quotient(rows, tiling.rowBlock), quotient(4 * threads, columnBlocks));
        const int64_t equal = threads / std::gcd(threads, columnBlocks);
        const int64_t rowBlocks = std::min(quotient(wanted, equal) * equal, tiles);
        ThreadPool::shared().forEach(rowBlocks * columnBlocks, [&](int64_t index) {
            const int64_t block = index % rowBlocks;
            const int64_t row = tiles * block / rowBlocks * tiling.tileRows;
            const int64_t end = tiles * (block + 1) / rowBlocks * tiling.tileRows;
            const int64_t columns = index / rowBlocks;
            const int64_t column = panels * columns / columnBlocks * tiling.panel;
            const int64_t endColumn = panels * (columns + 1) / columnBlocks * tiling.panel;
            memories.with([&](uint32_t *words) {
                routines.product(
                    call, row, std::min(end, rows), column, std::min(endColumn, call.columns),
                    words);
            });
        });
    }

private:
    static int64_t quotient(int64_t dividend, int64_t divisor) {
        return (dividend + divisor - 1) / divisor;
    }

    const TypedRoutines<Element> &routines;
    ProductCall<Element> call;
    const int64_t panels, packed, threads;
    const Workspace workspace;
};

}  // namespace epas
