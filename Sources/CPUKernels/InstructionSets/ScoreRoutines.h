// Attention probabilities. A score adds up its products in the order of the head's numbers; a
// range's sum has sixteen partial sums; ranges are joined in order. None of it depends on which
// rows, heads and ranges are computed together.

/// The first `count` numbers, then lanes that take no part in a maximum or in a sum of powers.
EPAS_INLINE Floats loadScores(const float *from, int64_t count) {
    if (count >= lanes) return load(from);
    float buffer[lanes];
    for (int i = 0; i < lanes; ++i) buffer[i] = -INFINITY;
    memcpy(buffer, from, count * sizeof(float));
    return load(buffer);
}

/// The scores of some queries and of up to `vectors` · 16 tokens that follow each other in a block.
///
/// - Parameters:
///   - keys: The first token's, [H, U].
///   - there: The tokens from there to the block's end; only less than 16 with one vector.
///   - next: What is fetched meanwhile.
template <class Element, int queries, int vectors>
static __attribute__((noinline)) void scoreTile(
    const float *query, const Element *keys, const Element *next, int64_t head, int64_t tokens,
    int64_t there, float scale, float (*scores)[2 * lanes]
) {
    Floats sums[queries][vectors];
    EPAS_UNROLL for (int q = 0; q < queries; ++q) {
        EPAS_UNROLL for (int v = 0; v < vectors; ++v) sums[q][v] = (Floats)0.0f;
    }
    for (int64_t h = 0; h < head; ++h) {
        Floats key[vectors];
        __builtin_prefetch(next + h * tokens);
        if constexpr (vectors == 1) {
            key[0] = loadFirst(keys + h * tokens, there);
        } else {
            EPAS_UNROLL for (int v = 0; v < vectors; ++v) key[v] = load(keys + h * tokens + v * lanes);
        }
        EPAS_UNROLL for (int q = 0; q < queries; ++q) {
            const Floats number = (Floats)query[q * head + h];
            EPAS_UNROLL for (int v = 0; v < vectors; ++v) {
                sums[q][v] = multiplyAdd(number, key[v], sums[q][v]);
            }
        }
    }
    EPAS_UNROLL for (int q = 0; q < queries; ++q) {
        EPAS_UNROLL for (int v = 0; v < vectors; ++v) store(scores[q] + v * lanes, sums[q][v] * scale);
    }
}

template <class Element, int queries, int vectors>
EPAS_INLINE void scoreTiles(
    int64_t count, const float *query, const Element *keys, const Element *next, int64_t head,
    int64_t tokens, int64_t there, float scale, float (*scores)[2 * lanes]
) {
    if constexpr (queries > 1) {
        if (count < queries) {
            return scoreTiles<Element, queries - 1, vectors>(
                count, query, keys, next, head, tokens, there, scale, scores);
        }
    }
    scoreTile<Element, queries, vectors>(
        query, keys, next, head, tokens, there, scale, scores);
}

/// Replaces scores by exp(score - maximum).
EPAS_INLINE void exponentiate(float *scores, int64_t count, float &maximum, float &total) {
    Floats most = (Floats)(-INFINITY);
    for (int64_t i = 0; i < count; i += lanes) {
        most = larger(most, loadScores(scores + i, count - i));
    }
    maximum = largest(most);
    Floats powers = (Floats)0.0f;
    for (int64_t i = 0; i < count; i += lanes) {
        const Floats power = exponential(loadScores(scores + i, count - i) - maximum);
        powers += power;
        storeFirst(scores + i, power, count - i);
    }
    total = sum(powers);
}

template <class Element> static void scores(
    const AttentionCall<Element> &call, const RowGroup &rows, int64_t keyValueHead,
    int64_t firstRange, int64_t lastRange
) {
    const int64_t group = call.group(), head = call.head, tokens = call.tokens;
    const int64_t queries = rows.count * group;
    const float scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head)));
    const std::unique_ptr<float[]> query(new float[queries * head]);
    int64_t length = 0;
    for (int64_t row = 0; row < rows.count; ++row) {
        const Element *from =
            call.query + ((rows.first + row) * call.heads + keyValueHead * group) * head;
        float *to = query.get() + row * group * head;
        for (int64_t i = 0; i < group * head; i += lanes) {
            storeFirst(to + i, loadFirst(from + i, group * head - i), group * head - i);
        }
        length = std::max<int64_t>(length, call.position[rows.first + row] + 1);
    }
    const int32_t *blocks = call.table + rows.sequence * call.columns;
    const auto blockAt = [&](int64_t token) __attribute__((always_inline)) {
        const int64_t block = blocks[token / tokens];
        return call.pool + (block * call.keyValueHeads + keyValueHead) * tokens * head;
    };
    const auto probabilitiesOf = [&](int64_t q) __attribute__((always_inline)) {
        const int64_t row = rows.first + q / group, n = keyValueHead * group + q % group;
        return call.probabilities + (row * call.heads + n) * call.length();
    };

    for (int64_t part = firstRange; part < lastRange; ++part) {
        const int64_t begin = part * range, end = std::min((part + 1) * range, length);
        for (int64_t token = begin, step; token < end; token += step) {
            const int64_t there = tokens - token % tokens;
            const bool isWide = there >= 2 * lanes;
            step = std::min(std::min(end - token, there), isWide ? 2 * lanes : lanes);
            const Element *keys = blockAt(token) + token % tokens;
            const int64_t later = token + blocksAhead * tokens;
            const Element *next = later < length ? blockAt(later) + token % tokens : keys;
            for (int64_t q = 0; q < queries; q += EPAS_QUERIES) {
                float results[EPAS_QUERIES][2 * lanes];
                const int64_t count = std::min<int64_t>(queries - q, EPAS_QUERIES);
                const float *from = query.get() + q * head;
                if (isWide) {
                    scoreTiles<Element, EPAS_QUERIES, 2>(
                        count, from, keys, next, head, tokens, there, scale, results);
                } else {
                    scoreTiles<Element, EPAS_QUERIES, 1>(
                        count, from, keys, next, head, tokens, there, scale, results);
                }
                for (int64_t i = 0; i < count; ++i) {
                    const int64_t position = call.position[rows.first + (q + i) / group];
                    const int64_t seen = std::min(step, position + 1 - token);
                    if (seen > 0) {
                        memcpy(probabilitiesOf(q + i) + token, results[i], seen * sizeof(float));
                    }
                }
            }
        }
        for (int64_t q = 0; q < queries; ++q) {
            const int64_t row = rows.first + q / group, n = keyValueHead * group + q % group;
            const int64_t seen = std::min<int64_t>(end, call.position[row] + 1) - begin;
            const int64_t place = (row * call.heads + n) * call.ranges + part;
            if (seen > 0) {
                exponentiate(
                    probabilitiesOf(q) + begin, seen, call.maxima[place], call.sums[place]);
            }
        }
    }
}

EPAS_INLINE float exponential(float x) { return exponential((Floats)x).x; }

template <class Element> static void normalize(
    const AttentionCall<Element> &call, const RowGroup &rows, int64_t keyValueHead,
    int64_t firstRange, int64_t lastRange
) {
    const int64_t group = call.group();
    for (int64_t q = 0; q < rows.count * group; ++q) {
        const int64_t row = rows.first + q / group, n = keyValueHead * group + q % group;
        const int64_t length = call.position[row] + 1;
        const int64_t parts = rangeCount(call.position[row]);
        const float *maxima = call.maxima + (row * call.heads + n) * call.ranges;
        const float *sums = call.sums + (row * call.heads + n) * call.ranges;
        float maximum = maxima[0], total = 0;
        for (int64_t i = 1; i < parts; ++i) maximum = maxima[i] > maximum ? maxima[i] : maximum;
        for (int64_t i = 0; i < parts; ++i) total += sums[i] * exponential(maxima[i] - maximum);
        float *probabilities = call.probabilities + (row * call.heads + n) * call.length();
        for (int64_t part = firstRange; part < std::min(lastRange, parts); ++part) {
            const Floats factor = (Floats)(exponential(maxima[part] - maximum) / total);
            const int64_t end = std::min((part + 1) * range, length);
            for (int64_t i = part * range; i < end; i += lanes) {
                storeFirst(
                    probabilities + i, loadFirst(probabilities + i, end - i) * factor, end - i);
            }
        }
    }
}
