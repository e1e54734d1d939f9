// Attention of training. Operands and results are all float32 or all bfloat16, but for log-sum-exps
// and their like, which are float32.

#include <memory>

#include "Kernels.h"
#include "TaskMemories.h"

namespace epas {

namespace {

using Words = std::unique_ptr<uint32_t[]>;

Words words(int64_t count) { return Words(new uint32_t[count]); }

/// Dimensions of queries [B, T, N, H] and of keys or values [B, T, K, H] that fit.
template <class Element>
TrainingAttention<Element> sizesOf(const Operand &query, const Operand &key) {
    TrainingAttention<Element> attention{};
    attention.batch = query.dimension(0);
    attention.length = query.dimension(1);
    attention.heads = query.dimension(2);
    attention.head = query.dimension(3);
    attention.keyValueHeads = key.dimension(2);
    return attention;
}

void requireHeads(const Operand &query, const Operand &key) {
    require(query.isRows(4), "the queries must be [B, T, N, H] of float32 or bfloat16");
    require(
        key.isRows(4)
            && key.is(
                query.type(),
                {query.dimension(0), query.dimension(1), key.dimension(2), query.dimension(3)})
            && query.dimension(2) % key.dimension(2) == 0,
        "keys and values must be [B, T, K, H] of the queries' type, N a multiple of K");
}

void requireLike(const Operand &operand, const Operand &other, const char *message) {
    require(
        operand.is(
            other.type(),
            {other.dimension(0), other.dimension(1), other.dimension(2), other.dimension(3)}),
        message);
}

void requireLogSumExp(const Operand &logSumExp, const Operand &query) {
    require(
        logSumExp.is(
            ElementType::float32, {query.dimension(0), query.dimension(2), query.dimension(1), 2}),
        "the log-sum-exps must be [B, N, T, 2] of float32");
}

void requireProbabilities(const Operand &kept, const Operand &query) {
    const int64_t tiles = (query.dimension(1) + tileTokens - 1) / tileTokens;
    require(
        kept.is(query.type(), {query.dimension(0), query.dimension(2), triangle(tiles)}),
        "kept probabilities must be [B, N, 64 · 64 · n (n + 1) / 2] of the queries' type, "
        "n = T / 64 rounded up");
}

/// Calls the body with every sequence, head and tile, and with memory to work in.
template <class Body>
void forEachTile(
    int64_t batch, int64_t heads, int64_t tiles, int64_t words, const Body &body
) {
    const int64_t count = batch * heads * tiles;
    TaskMemories memories(std::min<int64_t>(count, ThreadPool::shared().threads()), words);
    ThreadPool::shared().forEach(count, [&](int64_t index) {
        memories.with([&](uint32_t *memory) {
            body(index / tiles / heads, index / tiles % heads, index % tiles, memory);
        });
    });
}

/// Packs keys and values, and computes outputs and what else is wanted.
template <class Element> void attendAll(TrainingAttention<Element> attention) {
    const TrainingAttentionRoutines<Element> &routines =
        typedRoutines<Element>().trainingAttention;
    const AttentionSizes sizes = routines.sizes(attention.head);
    const int64_t tiles = attention.tiles();
    const int64_t keyTiles = attention.batch * attention.keyValueHeads * tiles;
    const Words keys = words(attention.query ? keyTiles * sizes.columns() : 0);
    const Words values = words(keyTiles * sizes.pairs());
    attention.keyColumns = attention.query ? keys.get() : nullptr;
    attention.valuePairs = values.get();
    forEachTile(
        attention.batch, attention.keyValueHeads, tiles, routines.packWords(attention.head),
        [&](int64_t b, int64_t k, int64_t tile, uint32_t *memory) {
            routines.packKeys(attention, b, k, tile, memory);
        });
    forEachTile(
        attention.batch, attention.heads, tiles, routines.attendWords(attention.head, tiles),
        [&](int64_t b, int64_t n, int64_t tile, uint32_t *memory) {
            // The longest first, so that none of them is left at the end.
            routines.attend(attention, b, n, tiles - 1 - tile, memory);
        });
}

}  // namespace

void attention(const Call &call) {
    require(call.operandCount() == 3, "it takes queries, keys and values");
    require(
        call.resultCount() == 2 || call.resultCount() == 3,
        "it gives outputs, log-sum-exps and, where wanted, probabilities");
    const Operand query = call.operand(0), key = call.operand(1), value = call.operand(2);
    requireHeads(query, key);
    requireLike(value, key, "there must be as many values as keys, of their type");
    requireLike(call.result(0), query, "the outputs must be like the queries");
    requireLogSumExp(call.result(1), query);
    if (call.resultCount() == 3) requireProbabilities(call.result(2), query);
    forElementType(query.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        TrainingAttention<Element> attention = sizesOf<Element>(query, key);
        attention.query = query.as<Element>();
        attention.key = key.as<Element>();
        attention.value = value.as<Element>();
        attention.output = call.result(0).as<Element>();
        attention.logSumExp = call.result(1).as<LogSumExp>();
        if (call.resultCount() == 3) attention.probabilities = call.result(2).as<Element>();
        attendAll(attention);
    });
}

void sharedAttention(const Call &call) {
    require(
        call.operandCount() == 2 || call.operandCount() == 4,
        "it takes kept probabilities and values, or queries, keys, log-sum-exps and values");
    const bool isKept = call.operandCount() == 2;
    const Operand value = call.operand(isKept ? 1 : 3), output = call.result();
    requireHeads(output, value);
    if (isKept) {
        requireProbabilities(call.operand(0), output);
    } else {
        requireLike(call.operand(0), output, "the outputs must be like the queries");
        requireLike(
            call.operand(1), value, "there must be as many values as keys, of their type");
        requireLogSumExp(call.operand(2), output);
    }
    forElementType(output.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        TrainingAttention<Element> attention = sizesOf<Element>(output, value);
        attention.value = value.as<Element>();
        attention.output = output.as<Element>();
        if (isKept) {
            attention.probabilities = call.operand(0).as<Element>();
        } else {
            attention.query = call.operand(0).as<Element>();
            attention.key = call.operand(1).as<Element>();
            attention.logSumExp = call.operand(2).as<LogSumExp>();
            attention.isNormalized = true;
        }
        attendAll(attention);
    });
}

void sharedAttentionGradient(const Call &call) {
    require(
        call.operandCount() == 2 || call.operandCount() == 4,
        "it takes kept probabilities and the outputs' gradient, or queries, keys, log-sum-exps "
        "and that gradient");
    const bool isKept = call.operandCount() == 2;
    const Operand gradient = call.operand(isKept ? 1 : 3), result = call.result();
    requireHeads(gradient, result);
    if (isKept) {
        requireProbabilities(call.operand(0), gradient);
    } else {
        requireLike(call.operand(0), gradient, "the gradient must be like the queries");
        requireLike(call.operand(1), result, "the result must be like the keys");
        requireLogSumExp(call.operand(2), gradient);
    }
    forElementType(gradient.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        const TrainingAttentionRoutines<Element> &routines =
            typedRoutines<Element>().trainingAttention;
        TrainingAttention<Element> attention = sizesOf<Element>(gradient, result);
        const AttentionSizes sizes = routines.sizes(attention.head);
        const int64_t tiles = attention.tiles();
        const int64_t queryTiles = attention.batch * attention.heads * tiles;
        const int64_t keyTiles = attention.batch * attention.keyValueHeads * tiles;
        const Words gradients = words(queryTiles * sizes.pairs());
        const Words queries = words(isKept ? 0 : queryTiles * sizes.rows());
        const Words keys = words(isKept ? 0 : keyTiles * sizes.columns());
        attention.outputGradient = gradient.as<Element>();
        attention.gradientPairs = gradients.get();
        attention.valueGradient = result.as<Element>();
        if (isKept) {
            attention.probabilities = call.operand(0).as<Element>();
        } else {
            attention.query = call.operand(0).as<Element>();
            attention.key = call.operand(1).as<Element>();
            attention.logSumExp = call.operand(2).as<LogSumExp>();
            attention.queryRows = queries.get();
            attention.keyColumns = keys.get();
            forEachTile(
                attention.batch, attention.keyValueHeads, tiles,
                routines.packWords(attention.head),
                [&](int64_t b, int64_t k, int64_t tile, uint32_t *memory) {
                    routines.packKeys(attention, b, k, tile, memory);
                });
        }
        forEachTile(
            attention.batch, attention.heads, tiles, routines.packWords(attention.head),
            [&](int64_t b, int64_t n, int64_t tile, uint32_t *memory) {
                routines.packQueries(attention, b, n, tile, memory);
            });
        forEachTile(
            attention.batch, attention.keyValueHeads, tiles,
            routines.valueGradientWords(attention.head),
            [&](int64_t b, int64_t k, int64_t tile, uint32_t *memory) {
                routines.valueGradient(attention, b, k, tile, memory);
            });
    });
}

void attentionGradient(const Call &call) {
    const bool isKept = call.operandCount() % 3 == 1;
    const int64_t first = isKept ? 4 : 3, layers = (call.operandCount() - first) / 3;
    require(
        call.operandCount() % 3 != 2 && layers > 0,
        "it takes queries, keys, log-sum-exps, perhaps kept probabilities, and for each layer "
        "values, outputs and the outputs' gradient");
    require(call.resultCount() == 3, "it gives the gradients of queries, keys and values");
    const Operand query = call.operand(0), key = call.operand(1);
    requireHeads(query, key);
    requireLogSumExp(call.operand(2), query);
    if (isKept) requireProbabilities(call.operand(3), query);
    for (int64_t l = 0; l < layers; ++l) {
        requireLike(
            call.operand(first + 3 * l), key, "there must be as many values as keys, of their type");
        for (int64_t i = 1; i < 3; ++i) {
            requireLike(
                call.operand(first + 3 * l + i), query,
                "outputs and their gradients must be like the queries");
        }
    }
    requireLike(call.result(0), query, "the queries' gradient must be like the queries");
    requireLike(call.result(1), key, "the keys' gradient must be like the keys");
    requireLike(call.result(2), key, "the values' gradient must be like the values");
    forElementType(query.type(), [&](auto *type) {
        using Element = std::remove_pointer_t<decltype(type)>;
        const TrainingAttentionRoutines<Element> &routines =
            typedRoutines<Element>().trainingAttention;
        TrainingAttention<Element> attention = sizesOf<Element>(query, key);
        std::vector<AttentionLayer<Element>> all;
        for (int64_t l = 0; l < layers; ++l) {
            all.push_back({
                call.operand(first + 3 * l).as<Element>(),
                call.operand(first + 3 * l + 1).as<Element>(),
                call.operand(first + 3 * l + 2).as<Element>(),
            });
        }
        attention.query = query.as<Element>();
        attention.key = key.as<Element>();
        attention.logSumExp = call.operand(2).as<LogSumExp>();
        if (isKept) attention.probabilities = call.operand(3).as<Element>();
        attention.layers = all.data();
        attention.layerCount = layers;
        attention.queryGradient = call.result(0).as<Element>();
        attention.keyGradient = call.result(1).as<Element>();
        attention.valueGradient = call.result(2).as<Element>();
        const int64_t numbers =
            attention.batch * attention.length * attention.heads * attention.head;
        const bool isGrouped = attention.group() > 1;
        const std::unique_ptr<float[]> partial(isGrouped ? new float[2 * numbers] : nullptr);
        if (isGrouped) {
            attention.keyPartial = partial.get();
            attention.valuePartial = partial.get() + numbers;
        }
        forEachTile(
            attention.batch, attention.heads, 1,
            routines.gradientWords(attention.head, attention.tiles(), layers),
            [&](int64_t b, int64_t n, int64_t, uint32_t *memory) {
                routines.gradient(attention, b, n, memory);
            });
        if (!isGrouped) return;
        forEachTile(
            attention.batch, attention.keyValueHeads, attention.tiles(), 0,
            [&](int64_t b, int64_t k, int64_t tile, uint32_t *) {
                routines.addGroup(attention, b, k, tile);
            });
    });
}

}  // namespace epas
