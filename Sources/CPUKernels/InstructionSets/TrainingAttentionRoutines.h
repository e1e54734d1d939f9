// Causal attention over whole sequences, forward and backward. Every number is added up in the same
// order whatever the number of threads: a task computes the whole of what it writes.
//
// Dimensions and the names of sizes: TrainingAttention.h.

template <class Element> EPAS_INLINE AttentionSizes sizesOf(const TrainingAttention<Element> &call) {
    return AttentionSizes(call.head, Words32<Element>::depth);
}

/// A token's numbers of a head in [B, T, heads, H].
template <class Element, class Number>
EPAS_INLINE Number *tokensOf(
    const TrainingAttention<Element> &call, Number *all, int64_t heads, int64_t b, int64_t head,
    int64_t tile
) {
    return all + ((b * call.length + tile * tileTokens) * heads + head) * call.head;
}

/// Takes parts of the memory that a task works in.
struct TaskMemory {
    uint32_t *next;
    uint32_t *words(int64_t count) {
        uint32_t *const result = next;
        next += padded(count, lanes);
        return result;
    }
    float *floats(int64_t count) { return reinterpret_cast<float *>(words(count)); }
};

/// Packs a tile of a key head: keys as columns and values as pairs, those of them that there are.
template <class Element>
static void packKeys(
    const TrainingAttention<Element> &call, int64_t b, int64_t k, int64_t tile, uint32_t *memory
) {
    const AttentionSizes sizes = sizesOf(call);
    const int64_t stride = call.keyValueHeads * call.head;
    const int64_t place = (b * call.keyValueHeads + k) * call.tiles() + tile;
    const int64_t count = call.tokens(tile);
    if (call.keyColumns) {
        packRows(
            tokensOf(call, call.key, call.keyValueHeads, b, k, tile), stride, count, call.head,
            memory, sizes.stride);
        transposeWords(
            memory, sizes.stride, tileTokens, sizes.stride,
            call.keyColumns + place * sizes.columns(), tileTokens);
    }
    if (call.valuePairs) {
        packPairs(
            tokensOf(call, call.value, call.keyValueHeads, b, k, tile), stride, count, call.head,
            call.valuePairs + place * sizes.pairs(), sizes.width);
    }
}

/// Packs a tile of a query head: queries as rows and the output's gradient as pairs, transposed,
/// those of them that there are.
template <class Element>
static void packQueries(
    const TrainingAttention<Element> &call, int64_t b, int64_t n, int64_t tile, uint32_t *memory
) {
    const AttentionSizes sizes = sizesOf(call);
    const int64_t stride = call.heads * call.head;
    const int64_t place = (b * call.heads + n) * call.tiles() + tile;
    const int64_t count = call.tokens(tile);
    if (call.queryRows) {
        packRows(
            tokensOf(call, call.query, call.heads, b, n, tile), stride, count, call.head,
            call.queryRows + place * sizes.rows(), sizes.stride);
    }
    if (call.gradientPairs) {
        packPairs(
            tokensOf(call, call.outputGradient, call.heads, b, n, tile), stride, count, call.head,
            memory, sizes.width);
        transposeWords(
            memory, sizes.width, sizes.tokenSteps, sizes.width,
            call.gradientPairs + place * sizes.pairs(), sizes.tokenSteps);
    }
}

/// Fetches kept probabilities: `count` tiles of 64 rows, which are `columns` apart. Each row is too
/// short a piece of memory for the processor to see what comes next.
template <class Element>
EPAS_INLINE void fetchTiles(const Element *from, int64_t columns, int64_t count) {
    constexpr int64_t line = 64 / sizeof(Element);
    for (int64_t row = 0; row < tileTokens; ++row, from += columns) {
        for (int64_t i = 0; i < count * tileTokens; i += line) __builtin_prefetch(from + i);
    }
}

/// Rounds to the type of the results.
EPAS_INLINE void storeRounded(float *to, Floats values) { store(to, values); }
EPAS_INLINE void storeRounded(BFloat16 *to, Floats values) {
    const Halves halves = narrowed(values);
    memcpy(to, &halves, sizeof halves);
}

/// Makes probabilities of a row of `seen` scores, zeros behind them up to `columns`, and leaves
/// their log-sum-exp.
template <class Element>
static void normalizeRow(
    float *scores, int64_t seen, int64_t columns, float scale, Element *probabilities,
    LogSumExp *logSumExp
) {
    Floats most = (Floats)(-INFINITY);
    for (int64_t i = 0; i < seen; i += lanes) {
        most = larger(loadScores(scores + i, seen - i), most);
    }
    const float maximum = largest(most) * scale;
    Floats powers = (Floats)0.0f;
    for (int64_t i = 0; i < seen; i += lanes) {
        const Floats score = loadScores(scores + i, seen - i);
        const Floats value = power(multiplyAdd(score, (Floats)scale, (Floats)(-maximum)));
        powers += value;
        store(scores + i, value);
    }
    const float total = sum(powers);
    const Floats factor = (Floats)(1 / total);
    const int64_t whole = padded(seen, lanes);
    for (int64_t i = 0; i < whole; i += lanes) {
        storeRounded(probabilities + i, load(scores + i) * factor);
    }
    memset(probabilities + whole, 0, (columns - whole) * sizeof(Element));
    *logSumExp = {maximum, std::log(total)};
}

/// Probabilities of a row of a tile from its scores and their log-sum-exp; zeros beyond `seen`.
EPAS_INLINE Floats probability(
    const float *scores, int64_t column, int64_t seen, float scale, LogSumExp logSumExp
) {
    const Floats score = load(scores + column);
    const Floats value = power(
        multiplyAdd(score, (Floats)scale, (Floats)(-logSumExp.maximum)) - logSumExp.logarithm);
    if (seen >= column + lanes) return value;
    const Words numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const uint32_t left = seen > column ? static_cast<uint32_t>(seen - column) : 0;
    return select((Words)(numbers < (Words)left), value, (Floats)0.0f);
}

/// A tile of queries of a head: probabilities, unless they are given, and values mixed by them.
template <class Element>
static void attend(
    const TrainingAttention<Element> &call, int64_t b, int64_t n, int64_t tile, uint32_t *memory
) {
    const AttentionSizes sizes = sizesOf(call);
    const int64_t tiles = call.tiles(), count = call.tokens(tile);
    const int64_t rows = padded(count, EPAS_TILE_ROWS), columns = (tile + 1) * tileTokens;
    const int64_t keyTiles = (b * call.keyValueHeads + n / call.group()) * tiles;
    const float scale = static_cast<float>(1 / std::sqrt(static_cast<double>(call.head)));
    TaskMemory task{memory};
    Element *probabilities = call.probabilities
        ? call.probabilities + (b * call.heads + n) * triangle(tiles) + triangle(tile)
        : reinterpret_cast<Element *>(task.words(tileTokens * columns));
    if (call.query) {
        uint32_t *const queries = task.words(sizes.rows());
        packRows(
            tokensOf(call, call.query, call.heads, b, n, tile), call.heads * call.head, count,
            call.head, queries, sizes.stride);
        LogSumExp *const logSumExp =
            call.logSumExp + (b * call.heads + n) * call.length + tile * tileTokens;
        float *const scores = task.floats(tileTokens * columns);
        for (int64_t j = 0; j <= tile; ++j) {
            multiply<Element, false>(
                rows, tileTokens, sizes.steps, queries, sizes.stride,
                call.keyColumns + (keyTiles + j) * sizes.columns(), tileTokens,
                scores + j * tileTokens, columns);
        }
        for (int64_t row = 0; row < count; ++row) {
            const int64_t seen = tile * tileTokens + row + 1;
            float *const from = scores + row * columns;
            Element *const to = probabilities + row * columns;
            if (!call.isNormalized) {
                normalizeRow(from, seen, columns, scale, to, logSumExp + row);
                continue;
            }
            for (int64_t i = 0; i < columns; i += lanes) {
                storeRounded(to + i, probability(from, i, seen, scale, logSumExp[row]));
            }
        }
        std::fill_n(
            probabilities + count * columns, (tileTokens - count) * columns, Element{});
    }
    const uint32_t *weights = reinterpret_cast<const uint32_t *>(probabilities);
    if constexpr (!Words32<Element>::isMemory) {
        uint32_t *const wide = task.words(tileTokens * columns);
        for (int64_t i = 0; i < rows * columns; i += lanes) {
            storeWords(wide + i, (Words)load(probabilities + i));
        }
        weights = wide;
    }
    float *const mixed = task.floats(tileTokens * sizes.width);
    std::fill_n(mixed, tileTokens * sizes.width, 0.0f);
    const int64_t stride = columns / Words32<Element>::depth;
    // As many tiles at once as stay in the first cache with the sums.
    const int64_t most = std::max<int64_t>(1, 4096 / sizes.pairs());
    for (int64_t j = 0; j <= tile; j += most) {
        if (!call.query && j + most <= tile) {
            fetchTiles(
                probabilities + (j + most) * tileTokens, columns,
                std::min(most, tile + 1 - j - most));
        }
        multiply<Element, true>(
            rows, sizes.width, std::min(most, tile + 1 - j) * sizes.tokenSteps,
            weights + j * sizes.tokenSteps, stride,
            call.valuePairs + (keyTiles + j) * sizes.pairs(), sizes.width, mixed, sizes.width);
    }
    Element *to = tokensOf(call, call.output, call.heads, b, n, tile);
    for (int64_t row = 0; row < count; ++row, to += call.heads * call.head) {
        for (int64_t i = 0; i < call.head; i += lanes) {
            storeFirst(to + i, load(mixed + row * sizes.width + i), call.head - i);
        }
    }
}

/// Stores the transpose of sums [width][64], times a factor, as tokens' numbers.
template <class Number>
static void storeColumns(
    const float *sums, int64_t width, int64_t head, int64_t count, float factor, Number *to,
    int64_t stride, uint32_t *memory
) {
    transposeWords(
        reinterpret_cast<const uint32_t *>(sums), tileTokens, width, tileTokens, memory, width);
    for (int64_t token = 0; token < count; ++token, to += stride) {
        for (int64_t i = 0; i < head; i += lanes) {
            const Floats values = (Floats)loadWords(memory + token * width + i);
            storeFirst(to + i, values * factor, head - i);
        }
    }
}

/// Probabilities, or what has their shape, of two tokens as words along the tokens; with words that
/// are numbers, each token's alone.
template <class Element>
EPAS_INLINE void storePair(uint32_t *to, int64_t row, int64_t column, Floats first, Floats second) {
    if constexpr (Words32<Element>::depth == 2) {
        storeWords(
            to + row / 2 * tileTokens + column, paired(narrowed(first), narrowed(second)));
    } else {
        storeWords(to + row * tileTokens + column, (Words)first);
        storeWords(to + (row + 1) * tileTokens + column, (Words)second);
    }
}

/// The gradient of a tile of values of a key head, from the probabilities alone.
template <class Element>
static void valueGradient(
    const TrainingAttention<Element> &call, int64_t b, int64_t k, int64_t tile, uint32_t *memory
) {
    const AttentionSizes sizes = sizesOf(call);
    const int64_t tiles = call.tiles();
    const float scale = static_cast<float>(1 / std::sqrt(static_cast<double>(call.head)));
    TaskMemory task{memory};
    float *const sums = task.floats(tileTokens * sizes.width);
    uint32_t *const pairs = task.words(tileTokens * tileTokens);
    float *const scores = task.floats(tileTokens * tileTokens);
    std::fill_n(sums, tileTokens * sizes.width, 0.0f);
    for (int64_t n = k * call.group(); n < (k + 1) * call.group(); ++n) {
        const int64_t head = b * call.heads + n;
        for (int64_t i = tile; i < tiles; ++i) {
            const int64_t count = call.tokens(i);
            const int64_t columns = (i + 1) * tileTokens;
            if (!call.query) {
                const Element *all = call.probabilities + head * triangle(tiles);
                const Element *from = all + triangle(i) + tile * tileTokens;
                if (i + 1 < tiles) {
                    fetchTiles(
                        all + triangle(i + 1) + tile * tileTokens, columns + tileTokens, 1);
                }
                for (int64_t row = 0; row < tileTokens; row += 2, from += 2 * columns) {
                    for (int64_t c = 0; c < tileTokens; c += lanes) {
                        storePair<Element>(
                            pairs, row, c, load(from + c), load(from + columns + c));
                    }
                }
            } else {
                multiply<Element, false>(
                    count, tileTokens, sizes.steps,
                    call.queryRows + (head * tiles + i) * sizes.rows(), sizes.stride,
                    call.keyColumns
                        + ((b * call.keyValueHeads + k) * tiles + tile) * sizes.columns(),
                    tileTokens, scores, tileTokens);
                const LogSumExp *logSumExp = call.logSumExp + head * call.length + i * tileTokens;
                const auto at = [&](int64_t row, int64_t c) __attribute__((always_inline)) {
                    if (row >= count) return (Floats)0.0f;
                    const int64_t seen = (i - tile) * tileTokens + row + 1;
                    return probability(
                        scores + row * tileTokens, c, seen, scale, logSumExp[row]);
                };
                for (int64_t row = 0; row < tileTokens; row += 2) {
                    for (int64_t c = 0; c < tileTokens; c += lanes) {
                        storePair<Element>(pairs, row, c, at(row, c), at(row + 1, c));
                    }
                }
            }
            multiply<Element, true>(
                sizes.width, tileTokens, sizes.tokenSteps,
                call.gradientPairs + (head * tiles + i) * sizes.pairs(), sizes.tokenSteps, pairs,
                tileTokens, sums, tileTokens);
        }
    }
    storeColumns(
        sums, sizes.width, call.head, call.tokens(tile), 1,
        tokensOf(call, call.valueGradient, call.keyValueHeads, b, k, tile),
        call.keyValueHeads * call.head, task.words(tileTokens * sizes.width));
}
