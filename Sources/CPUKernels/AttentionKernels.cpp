#include <memory>

#include "Kernels.h"

namespace epas {

namespace {

/// The rows of a group: so many that what they read of the cache serves them all, so few that
/// there are groups for all threads.
constexpr int32_t groupRows = 16;

/// The rows of an attention kernel, checked and in groups.
struct Rows {
    std::vector<RowGroup> groups;
    /// Ranges of the row that sees most.
    int64_t ranges = 0;
};

/// The blocks of each sequence, [S, C].
struct Table {
    const int32_t *blocks;
    int64_t sequences, columns;
};

/// Checks every index that will be followed.
Rows rowsOf(const Operand &pool, int64_t tokens, const Table &table, const Operand &sequence,
            const Operand &position) {
    const int64_t rows = position.dimension(0), sequences = table.sequences;
    const int64_t columns = table.columns, blocks = pool.dimension(0);
    const int32_t *sequenceOf = sequence.as<int32_t>(), *positionOf = position.as<int32_t>();
    Rows result;
    std::vector<int32_t> last(sequences, -1);
    for (int64_t row = 0; row < rows; ++row) {
        const int32_t at = positionOf[row], of = sequenceOf[row];
        if (at < 0) continue;
        require(of >= 0 && of < sequences, "a row's sequence is not in the table");
        require(at < columns * tokens, "a row's position is beyond the table");
        last[of] = std::max(last[of], at);
        result.ranges = std::max(result.ranges, rangeCount(at));
        if (!result.groups.empty()) {
            RowGroup &group = result.groups.back();
            if (group.sequence == of && group.first + group.count == row
                && group.count < groupRows) {
                ++group.count;
                continue;
            }
        }
        result.groups.push_back({row, 1, of});
    }
    for (int64_t of = 0; of < sequences; ++of) {
        const int32_t *blocksOf = table.blocks + of * columns;
        for (int64_t column = 0; column * tokens <= last[of]; ++column) {
            require(
                blocksOf[column] >= 0 && blocksOf[column] < blocks,
                "the table names a block that is not in the pool");
        }
    }
    return result;
}

/// The table of the plane that the call is about.
Table tableOf(
    const Call &call, const Operand &tables, const Operand &sequence, const Operand &position,
    int64_t rows
) {
    require(
        tables.type() == ElementType::int32 && tables.rank() == 3 && tables.dimension(1) > 0
            && tables.dimension(2) > 0,
        "the tables must be [P, S, C] of int32");
    require(
        sequence.is(ElementType::int32, {rows}) && position.is(ElementType::int32, {rows}),
        "sequence and position must be [M] of int32");
    const int64_t plane = call.int32("plane");
    require(plane >= 0 && plane < tables.dimension(0), "the plane is not among the tables");
    const int64_t sequences = tables.dimension(1), columns = tables.dimension(2);
    return {tables.as<int32_t>() + plane * sequences * columns, sequences, columns};
}

/// Whether ranges must be computed apart for all threads to have something to do.
bool dividesRanges(const Rows &rows, int64_t keyValueHeads) {
    const int64_t tasks = rows.groups.size() * keyValueHeads;
    return rows.ranges > 1 && tasks < 3 * ThreadPool::shared().threads();
}

/// Calls the body with every group, key head and range.
template <class Body>
void forEachTask(const Rows &rows, int64_t keyValueHeads, int64_t ranges, const Body &body) {
    const int64_t groups = rows.groups.size();
    ThreadPool::shared().forEach(groups * keyValueHeads * ranges, [&](int64_t index) {
        const int64_t part = index % ranges;
        index /= ranges;
        body(rows.groups[index / keyValueHeads], index % keyValueHeads, part);
    });
}

}  // namespace

void attentionProbabilities(const Call &call) {
    require(call.operandCount() == 5, "it takes query, pool, tables, sequence and position");
    const Operand query = call.operand(0), pool = call.operand(1), tables = call.operand(2);
    const Operand sequence = call.operand(3), position = call.operand(4), y = call.result(0);
    require(query.isRows(3), "the query must be [M, N, H] of float32 or bfloat16");
    const int64_t rowCount = query.dimension(0), heads = query.dimension(1);
    const int64_t head = query.dimension(2);
    require(
        pool.isRows(3) && pool.type() == query.type() && heads % pool.dimension(1) == 0
            && pool.dimension(2) % head == 0,
        "the pool must be [blocks, K, U·H] of the query's type, N a multiple of K");
    const int64_t keyValueHeads = pool.dimension(1), tokens = pool.dimension(2) / head;
    const Table table = tableOf(call, tables, sequence, position, rowCount);
    const int64_t columns = table.columns;
    require(
        y.is(ElementType::float32, {rowCount, heads, columns * tokens}),
        "the result must be [M, N, C·U] of float32");

    const Rows rows = rowsOf(pool, tokens, table, sequence, position);
    const int64_t statistics = rowCount * heads * rows.ranges;
    const std::unique_ptr<float[]> maxima(new float[statistics]), sums(new float[statistics]);
    forElementType(query.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        const AttentionCall<Element> attention{
            query.as<Element>(), pool.as<Element>(), table.blocks, position.as<int32_t>(),
            y.as<float>(), nullptr, heads, keyValueHeads, head, columns, tokens, rows.ranges,
            maxima.get(), sums.get(), nullptr,
        };
        const TypedRoutines<Element> &routines = typedRoutines<Element>();
        if (dividesRanges(rows, keyValueHeads)) {
            forEachTask(
                rows, keyValueHeads, rows.ranges,
                [&](const RowGroup &group, int64_t n, int64_t part) {
                    routines.scores(attention, group, n, part, part + 1);
                });
            forEachTask(
                rows, keyValueHeads, rows.ranges,
                [&](const RowGroup &group, int64_t n, int64_t part) {
                    routines.normalize(attention, group, n, part, part + 1);
                });
        } else {
            forEachTask(
                rows, keyValueHeads, 1, [&](const RowGroup &group, int64_t n, int64_t) {
                    routines.scores(attention, group, n, 0, rows.ranges);
                    routines.normalize(attention, group, n, 0, rows.ranges);
                });
        }
    });
}

void attentionMix(const Call &call) {
    require(call.operandCount() == 5, "it takes probabilities, pool, tables, sequence and position");
    const Operand probabilities = call.operand(0), pool = call.operand(1), tables = call.operand(2);
    const Operand sequence = call.operand(3), position = call.operand(4), y = call.result(0);
    require(
        probabilities.isRows(3) && probabilities.type() == ElementType::float32,
        "the probabilities must be [M, N, T] of float32");
    const int64_t rowCount = probabilities.dimension(0), heads = probabilities.dimension(1);
    const Table table = tableOf(call, tables, sequence, position, rowCount);
    const int64_t columns = table.columns, tokens = probabilities.dimension(2) / columns;
    require(
        probabilities.dimension(2) == columns * tokens && tokens > 0,
        "T must be a multiple of the table's columns");
    require(
        pool.isRows(3) && heads % pool.dimension(1) == 0 && pool.dimension(2) % tokens == 0,
        "the pool must be [blocks, K, U·H] of float32 or bfloat16, N a multiple of K");
    const int64_t keyValueHeads = pool.dimension(1), head = pool.dimension(2) / tokens;
    require(
        y.is(pool.type(), {rowCount, heads * head}), "the result must be [M, N·H] of the pool's type"
    );

    const Rows rows = rowsOf(pool, tokens, table, sequence, position);
    forElementType(pool.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        for (int64_t row = 0; row < rowCount; ++row) {
            if (position.as<int32_t>()[row] >= 0) continue;
            std::fill_n(y.as<Element>() + row * heads * head, heads * head, Element{});
        }
        const bool divides = dividesRanges(rows, keyValueHeads);
        const std::unique_ptr<float[]> partial(
            divides ? new float[rowCount * heads * rows.ranges * head] : nullptr);
        const AttentionCall<Element> attention{
            nullptr, pool.as<Element>(), table.blocks, position.as<int32_t>(),
            probabilities.as<float>(), y.as<Element>(), heads, keyValueHeads, head, columns,
            tokens, rows.ranges, nullptr, nullptr, partial.get(),
        };
        const TypedRoutines<Element> &routines = typedRoutines<Element>();
        if (divides) {
            forEachTask(
                rows, keyValueHeads, rows.ranges,
                [&](const RowGroup &group, int64_t n, int64_t part) {
                    routines.mixRange(attention, group, n, part);
                });
        }
        forEachTask(rows, keyValueHeads, 1, [&](const RowGroup &group, int64_t n, int64_t) {
            if (divides) {
                routines.join(attention, group, n);
            } else {
                routines.mix(attention, group, n);
            }
        });
    });
}

}  // namespace epas
