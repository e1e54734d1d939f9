// Values mixed by probabilities. Tokens are added in order within a range, ranges in order; which
// rows, heads and ranges are computed together makes no difference.

/// Where the queries of a tile are, and how far they see.
struct MixQueries {
    const float *probabilities[EPAS_QUERIES];
    int64_t length[EPAS_QUERIES];
    int64_t shortest;
};

template <class Element, int vectors>
EPAS_INLINE void loadValues(const Element *from, int64_t there, Floats (&values)[vectors]) {
    if constexpr (vectors == 1) {
        values[0] = loadFirst(from, there);
    } else {
        EPAS_UNROLL for (int v = 0; v < vectors; ++v) values[v] = load(from + v * lanes);
    }
}

/// Calls the body with the values of tokens `begin` to `end`; later ones, before `length`, are fetched
/// meanwhile.
template <class Element, int vectors, class Body>
EPAS_INLINE void forEachToken(
    const AttentionCall<Element> &call, const int32_t *blocks, int64_t keyValueHead, int64_t h,
    int64_t begin, int64_t end, int64_t length, const Body &body
) {
    const int64_t head = call.head, tokens = call.tokens;
    const int64_t stride = tokens * head;
    for (int64_t token = begin; token < end;) {
        const int64_t column = token / tokens;
        const int64_t stop = std::min(end, (column + 1) * tokens);
        const Element *values =
            call.pool + (blocks[column] * call.keyValueHeads + keyValueHead) * stride
            + token % tokens * head + h;
        const int64_t later = std::min(column + blocksAhead, (length - 1) / tokens);
        const Element *next =
            call.pool + (blocks[later] * call.keyValueHeads + keyValueHead) * stride
            + token % tokens * head + h;
        for (; token < stop; ++token, values += head, next += head) {
            Floats numbers[vectors];
            loadValues<Element, vectors>(values, head - h, numbers);
            for (size_t i = 0; i < vectors * lanes * sizeof(Element); i += 64) {
                __builtin_prefetch(reinterpret_cast<const char *>(next) + i);
            }
            body(token, numbers);
        }
    }
}

/// Mixes `vectors` · 16 numbers of a head from `h` on for some queries.
template <class Element, int queries, int vectors>
static __attribute__((noinline)) void mixTile(
    const AttentionCall<Element> &call, const MixQueries &tile, const int32_t *blocks,
    int64_t keyValueHead, int64_t h, int64_t firstRange, int64_t lastRange,
    float (*results)[4 * lanes]
) {
    EPAS_UNROLL for (int q = 0; q < queries; ++q) {
        EPAS_UNROLL for (int v = 0; v < vectors; ++v) store(results[q] + v * lanes, (Floats)0.0f);
    }
    for (int64_t part = firstRange; part < lastRange; ++part) {
        const int64_t begin = part * range, end = (part + 1) * range;
        const int64_t common = std::max(begin, std::min(end, tile.shortest));
        Floats sums[queries][vectors];
        EPAS_UNROLL for (int q = 0; q < queries; ++q) {
            EPAS_UNROLL for (int v = 0; v < vectors; ++v) sums[q][v] = (Floats)0.0f;
        }
        forEachToken<Element, vectors>(
            call, blocks, keyValueHead, h, begin, common, tile.shortest,
            [&](int64_t token, const Floats (&values)[vectors]) __attribute__((always_inline)) {
                EPAS_UNROLL for (int q = 0; q < queries; ++q) {
                    const Floats weight = (Floats)tile.probabilities[q][token];
                    EPAS_UNROLL for (int v = 0; v < vectors; ++v) {
                        sums[q][v] = multiplyAdd(weight, values[v], sums[q][v]);
                    }
                }
            });
        EPAS_UNROLL for (int q = 0; q < queries; ++q) {
            if (tile.length[q] <= begin) continue;
            forEachToken<Element, vectors>(
                call, blocks, keyValueHead, h, common, std::min(end, tile.length[q]),
                tile.length[q],
                [&](int64_t token, const Floats (&values)[vectors]) __attribute__((always_inline)) {
                    const Floats weight = (Floats)tile.probabilities[q][token];
                    EPAS_UNROLL for (int v = 0; v < vectors; ++v) {
                        sums[q][v] = multiplyAdd(weight, values[v], sums[q][v]);
                    }
                });
            EPAS_UNROLL for (int v = 0; v < vectors; ++v) {
                float *to = results[q] + v * lanes;
                store(to, load(to) + sums[q][v]);
            }
        }
    }
}

template <class Element, int queries, int vectors>
EPAS_INLINE void mixTiles(
    int64_t count, const AttentionCall<Element> &call, const MixQueries &tile,
    const int32_t *blocks, int64_t keyValueHead, int64_t h, int64_t firstRange, int64_t lastRange,
    float (*results)[4 * lanes]
) {
    if constexpr (queries > 1) {
        if (count < queries) {
            return mixTiles<Element, queries - 1, vectors>(
                count, call, tile, blocks, keyValueHead, h, firstRange, lastRange, results);
        }
    }
    mixTile<Element, queries, vectors>(
        call, tile, blocks, keyValueHead, h, firstRange, lastRange, results);
}

/// Mixes some ranges and hands each query's numbers to `output`, up to 64 at a time.
template <class Element, class Output>
EPAS_INLINE void mixRanges(
    const AttentionCall<Element> &call, const RowGroup &rows, int64_t keyValueHead,
    int64_t firstRange, int64_t lastRange, const Output &output
) {
    constexpr int64_t most = EPAS_QUERIES > 1 ? EPAS_QUERIES / 2 : 1;
    const int64_t group = call.group();
    const int32_t *blocks = call.table + rows.sequence * call.columns;
    for (int64_t q = 0; q < rows.count * group; q += most) {
        const int64_t count = std::min(rows.count * group - q, most);
        MixQueries tile;
        int64_t longest = 0;
        for (int64_t i = 0; i < count; ++i) {
            const int64_t row = rows.first + (q + i) / group;
            const int64_t n = keyValueHead * group + (q + i) % group;
            tile.probabilities[i] =
                call.probabilities + (row * call.heads + n) * call.length();
            tile.length[i] = call.position[row] + 1;
            tile.shortest = i == 0 ? tile.length[i] : std::min(tile.shortest, tile.length[i]);
            longest = std::max(longest, tile.length[i]);
        }
        const int64_t last = std::min(lastRange, rangeCount(longest - 1));
        for (int64_t h = 0, width; h < call.head; h += width) {
            float results[most][4 * lanes];
            const int64_t left = call.head - h;
            if (left >= 4 * lanes) {
                width = 4 * lanes;
                mixTiles<Element, most, 4>(
                    count, call, tile, blocks, keyValueHead, h, firstRange, last, results);
            } else if (left >= 2 * lanes) {
                width = 2 * lanes;
                mixTiles<Element, most, 2>(
                    count, call, tile, blocks, keyValueHead, h, firstRange, last, results);
            } else {
                width = std::min(left, lanes);
                mixTiles<Element, most, 1>(
                    count, call, tile, blocks, keyValueHead, h, firstRange, last, results);
            }
            for (int64_t i = 0; i < count; ++i) {
                const int64_t row = rows.first + (q + i) / group;
                const int64_t n = keyValueHead * group + (q + i) % group;
                output(row * call.heads + n, h, width, results[i]);
            }
        }
    }
}

template <class Element> static void mix(
    const AttentionCall<Element> &call, const RowGroup &rows, int64_t keyValueHead
) {
    mixRanges(
        call, rows, keyValueHead, 0, call.ranges,
        [&](int64_t query, int64_t h, int64_t width, const float *results)
            __attribute__((always_inline)) {
            Element *to = call.mixed + query * call.head + h;
            for (int64_t i = 0; i < width; i += lanes) {
                storeFirst(to + i, load(results + i), width - i);
            }
        });
}

template <class Element> static void mixRange(
    const AttentionCall<Element> &call, const RowGroup &rows, int64_t keyValueHead, int64_t part
) {
    mixRanges(
        call, rows, keyValueHead, part, part + 1,
        [&](int64_t query, int64_t h, int64_t width, const float *results)
            __attribute__((always_inline)) {
            float *to = call.partial + (query * call.ranges + part) * call.head + h;
            memcpy(to, results, width * sizeof(float));
        });
}

template <class Element> static void join(
    const AttentionCall<Element> &call, const RowGroup &rows, int64_t keyValueHead
) {
    const int64_t group = call.group(), head = call.head;
    for (int64_t q = 0; q < rows.count * group; ++q) {
        const int64_t row = rows.first + q / group, n = keyValueHead * group + q % group;
        const int64_t parts = rangeCount(call.position[row]);
        const float *from = call.partial + (row * call.heads + n) * call.ranges * head;
        for (int64_t h = 0; h < head; h += lanes) {
            Floats total = (Floats)0.0f;
            for (int64_t i = 0; i < parts; ++i) {
                total += loadFirst(from + i * head + h, head - h);
            }
            storeFirst(call.mixed + (row * call.heads + n) * head + h, total, head - h);
        }
    }
}
