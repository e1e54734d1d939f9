// The backward pass of causal attention for all layers that have the same probabilities P. With
// S = q kᵀ / √H, layer l's values v and the gradient o of its output:
//
//   dP = Σ oₗ vₗᵀ,  D = Σ rowsum(oₗ ∘ outputₗ),  dS = P ∘ (dP - D),
//   dq = dS k / √H,  dk = dSᵀ q / √H,  and of the first layer alone dv = Pᵀ o.

/// A query head's operands, packed, and its sums.
struct GradientMemory {
    uint32_t *queryRows, *queryPairs, *keyColumns, *keyPairs, *gradientPairs;
    uint32_t *valueColumns, *gradientRows;  // [L, tiles, ..]
    float *products;                        // D, [tiles · 64]
    float *query, *key, *value;             // sums of gradients; of keys and values transposed
    float *scores, *derivatives;            // of a tile
    uint32_t *probabilityPairs, *derivativePairs, *derivativeRows;
    uint32_t *spare;

    GradientMemory(uint32_t *memory, const AttentionSizes &sizes, int64_t tiles, int64_t layers) {
        TaskMemory task{memory};
        queryRows = task.words(tiles * sizes.rows());
        queryPairs = task.words(tiles * sizes.pairs());
        keyColumns = task.words(tiles * sizes.columns());
        keyPairs = task.words(tiles * sizes.pairs());
        gradientPairs = task.words(tiles * sizes.pairs());
        valueColumns = task.words(layers * tiles * sizes.columns());
        gradientRows = task.words(layers * tiles * sizes.rows());
        products = task.floats(tiles * tileTokens);
        query = task.floats(tiles * tileTokens * sizes.width);
        key = task.floats(tileTokens * sizes.width);
        value = task.floats(tileTokens * sizes.width);
        scores = task.floats(tileTokens * tileTokens);
        derivatives = task.floats(tileTokens * tileTokens);
        probabilityPairs = task.words(tileTokens * tileTokens);
        derivativePairs = task.words(tileTokens * tileTokens);
        derivativeRows = task.words(tileTokens * tileTokens);
        spare = task.words(tileTokens * sizes.width);
    }
};

template <class Element>
static void packGradient(
    const TrainingAttention<Element> &call, int64_t b, int64_t n, const GradientMemory &memory
) {
    const AttentionSizes sizes = sizesOf(call);
    const int64_t tiles = call.tiles(), k = n / call.group();
    const int64_t stride = call.heads * call.head, keyStride = call.keyValueHeads * call.head;
    std::fill_n(memory.products, tiles * tileTokens, 0.0f);
    for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t count = call.tokens(tile);
        const Element *query = tokensOf(call, call.query, call.heads, b, n, tile);
        packRows(
            query, stride, count, call.head, memory.queryRows + tile * sizes.rows(), sizes.stride);
        packPairs(query, stride, count, call.head, memory.spare, sizes.width);
        transposeWords(
            memory.spare, sizes.width, sizes.tokenSteps, sizes.width,
            memory.queryPairs + tile * sizes.pairs(), sizes.tokenSteps);
        const Element *key = tokensOf(call, call.key, call.keyValueHeads, b, k, tile);
        packRows(key, keyStride, count, call.head, memory.spare, sizes.stride);
        transposeWords(
            memory.spare, sizes.stride, tileTokens, sizes.stride,
            memory.keyColumns + tile * sizes.columns(), tileTokens);
        packPairs(
            key, keyStride, count, call.head, memory.keyPairs + tile * sizes.pairs(), sizes.width);
        for (int64_t l = 0; l < call.layerCount; ++l) {
            const AttentionLayer<Element> &layer = call.layers[l];
            const Element *gradient = tokensOf(call, layer.gradient, call.heads, b, n, tile);
            const Element *output = tokensOf(call, layer.output, call.heads, b, n, tile);
            packRows(
                gradient, stride, count, call.head,
                memory.gradientRows + (l * tiles + tile) * sizes.rows(), sizes.stride);
            packRows(
                tokensOf(call, layer.value, call.keyValueHeads, b, k, tile), keyStride, count,
                call.head, memory.spare, sizes.stride);
            transposeWords(
                memory.spare, sizes.stride, tileTokens, sizes.stride,
                memory.valueColumns + (l * tiles + tile) * sizes.columns(), tileTokens);
            for (int64_t token = 0; token < count; ++token) {
                Floats products = (Floats)0.0f;
                for (int64_t i = 0; i < call.head; i += lanes) {
                    products = multiplyAdd(
                        loadFirst(gradient + token * stride + i, call.head - i),
                        loadFirst(output + token * stride + i, call.head - i), products);
                }
                memory.products[tile * tileTokens + token] += sum(products);
            }
        }
        packPairs(
            tokensOf(call, call.layers[0].gradient, call.heads, b, n, tile), stride, count,
            call.head, memory.spare, sizes.width);
        transposeWords(
            memory.spare, sizes.width, sizes.tokenSteps, sizes.width,
            memory.gradientPairs + tile * sizes.pairs(), sizes.tokenSteps);
    }
}

/// A query head's gradients: of its queries, and its part of its key head's keys and values.
template <class Element>
static void gradient(
    const TrainingAttention<Element> &call, int64_t b, int64_t n, uint32_t *words
) {
    const AttentionSizes sizes = sizesOf(call);
    const int64_t tiles = call.tiles(), head = b * call.heads + n;
    const GradientMemory memory(words, sizes, tiles, call.layerCount);
    packGradient(call, b, n, memory);
    const float scale = static_cast<float>(1 / std::sqrt(static_cast<double>(call.head)));
    std::fill_n(memory.query, tiles * tileTokens * sizes.width, 0.0f);
    for (int64_t j = 0; j < tiles; ++j) {
        std::fill_n(memory.key, tileTokens * sizes.width, 0.0f);
        std::fill_n(memory.value, tileTokens * sizes.width, 0.0f);
        for (int64_t i = j; i < tiles; ++i) {
            const int64_t count = call.tokens(i), columns = (i + 1) * tileTokens;
            if (!call.probabilities) {
                multiply<Element, false>(
                    count, tileTokens, sizes.steps, memory.queryRows + i * sizes.rows(),
                    sizes.stride, memory.keyColumns + j * sizes.columns(), tileTokens,
                    memory.scores, tileTokens);
            }
            for (int64_t l = 0; l < call.layerCount; ++l) {
                const uint32_t *a = memory.gradientRows + (l * tiles + i) * sizes.rows();
                const uint32_t *c = memory.valueColumns + (l * tiles + j) * sizes.columns();
                if (l == 0) {
                    multiply<Element, false>(
                        count, tileTokens, sizes.steps, a, sizes.stride, c, tileTokens,
                        memory.derivatives, tileTokens);
                } else {
                    multiply<Element, true>(
                        count, tileTokens, sizes.steps, a, sizes.stride, c, tileTokens,
                        memory.derivatives, tileTokens);
                }
            }
            const LogSumExp *logSumExp = call.logSumExp + head * call.length + i * tileTokens;
            const Element *kept = call.probabilities
                ? call.probabilities + head * triangle(tiles) + triangle(i) + j * tileTokens
                : nullptr;
            if (kept && i + 1 < tiles) {
                fetchTiles(
                    call.probabilities + head * triangle(tiles) + triangle(i + 1)
                        + j * tileTokens,
                    columns + tileTokens, 1);
            }
            const float *products = memory.products + i * tileTokens;
            // Of tokens that there are not, both are zero.
            const auto at = [&](int64_t row, int64_t c, Floats &p, Floats &ds)
                __attribute__((always_inline)) {
                p = ds = (Floats)0.0f;
                if (row >= count) return;
                p = kept ? load(kept + row * columns + c)
                    : probability(
                        memory.scores + row * tileTokens, c, (i - j) * tileTokens + row + 1,
                        scale, logSumExp[row]);
                ds = p * (load(memory.derivatives + row * tileTokens + c) - products[row]);
            };
            for (int64_t row = 0; row < tileTokens; row += 2) {
                for (int64_t c = 0; c < tileTokens; c += lanes) {
                    Floats p[2], ds[2];
                    at(row, c, p[0], ds[0]);
                    at(row + 1, c, p[1], ds[1]);
                    storePair<Element>(memory.probabilityPairs, row, c, p[0], p[1]);
                    storePair<Element>(memory.derivativePairs, row, c, ds[0], ds[1]);
                    if constexpr (Words32<Element>::depth == 2) {
                        uint32_t *to = memory.derivativeRows + (row * tileTokens + c) / 2;
                        storeRounded(reinterpret_cast<BFloat16 *>(to), ds[0]);
                        storeRounded(
                            reinterpret_cast<BFloat16 *>(to + tileTokens / 2), ds[1]);
                    }
                }
            }
            multiply<Element, true>(
                sizes.width, tileTokens, sizes.tokenSteps,
                memory.gradientPairs + i * sizes.pairs(), sizes.tokenSteps,
                memory.probabilityPairs, tileTokens, memory.value, tileTokens);
            multiply<Element, true>(
                sizes.width, tileTokens, sizes.tokenSteps,
                memory.queryPairs + i * sizes.pairs(), sizes.tokenSteps, memory.derivativePairs,
                tileTokens, memory.key, tileTokens);
            multiply<Element, true>(
                count, sizes.width, sizes.tokenSteps,
                Words32<Element>::depth == 2 ? memory.derivativeRows : memory.derivativePairs,
                sizes.tokenSteps, memory.keyPairs + j * sizes.pairs(), sizes.width,
                memory.query + i * tileTokens * sizes.width, sizes.width);
        }
        const int64_t count = call.tokens(j);
        const auto store = [&](auto *key, auto *value, int64_t stride) {
            storeColumns(
                memory.key, sizes.width, call.head, count, scale, key, stride, memory.spare);
            storeColumns(
                memory.value, sizes.width, call.head, count, 1, value, stride, memory.spare);
        };
        if (call.keyPartial) {
            store(
                tokensOf(call, call.keyPartial, call.heads, b, n, j),
                tokensOf(call, call.valuePartial, call.heads, b, n, j), call.heads * call.head);
        } else {
            store(
                tokensOf(call, call.keyGradient, call.keyValueHeads, b, n, j),
                tokensOf(call, call.valueGradient, call.keyValueHeads, b, n, j),
                call.keyValueHeads * call.head);
        }
    }
    const int64_t stride = call.heads * call.head;
    Element *to = tokensOf(call, call.queryGradient, call.heads, b, n, 0);
    for (int64_t token = 0; token < call.length; ++token) {
        for (int64_t i = 0; i < call.head; i += lanes) {
            storeFirst(
                to + token * stride + i, load(memory.query + token * sizes.width + i) * scale,
                call.head - i);
        }
    }
}

/// Adds up the query heads' parts of the gradients of a key head's tile.
template <class Element>
static void addGroup(const TrainingAttention<Element> &call, int64_t b, int64_t k, int64_t tile) {
    const auto add = [&](const float *all, Element *result) {
        const float *from = tokensOf(call, all, call.heads, b, k * call.group(), tile);
        Element *to = tokensOf(call, result, call.keyValueHeads, b, k, tile);
        for (int64_t token = 0; token < call.tokens(tile); ++token) {
            for (int64_t i = 0; i < call.head; i += lanes) {
                Floats sums = (Floats)0.0f;
                for (int64_t g = 0; g < call.group(); ++g) {
                    sums += loadFirst(from + g * call.head + i, call.head - i);
                }
                storeFirst(to + i, sums, call.head - i);
            }
            from += call.heads * call.head;
            to += call.keyValueHeads * call.head;
        }
    };
    add(call.keyPartial, call.keyGradient);
    add(call.valuePartial, call.valueGradient);
}

template <class Element> constexpr TrainingAttentionRoutines<Element> trainingAttention() {
    return {
        Words32<Element>::depth, packKeys<Element>, packQueries<Element>, attend<Element>,
        valueGradient<Element>, gradient<Element>, addGroup<Element>,
    };
}
