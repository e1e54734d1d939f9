// Products of tiles, c = a b, and how tiles become operands of them.
//
// a is [rows][steps] and b is [steps][columns] words (Words.h), so that a word of a meets sixteen
// of b.

template <class Element, int rows, int vectors, bool adds>
static __attribute__((noinline)) void multiplyTile(
    int64_t steps, const uint32_t *a, int64_t aStride, const uint32_t *b, int64_t bStride,
    float *c, int64_t cStride
) {
    Floats sums[rows][vectors];
    EPAS_UNROLL for (int r = 0; r < rows; ++r) {
        EPAS_UNROLL for (int v = 0; v < vectors; ++v) {
            sums[r][v] = adds ? load(c + r * cStride + v * lanes) : (Floats)0.0f;
        }
    }
    for (int64_t k = 0; k < steps; ++k, b += bStride) {
        Words columns[vectors];
        EPAS_UNROLL for (int v = 0; v < vectors; ++v) columns[v] = loadWords(b + v * lanes);
        EPAS_UNROLL for (int r = 0; r < rows; ++r) {
            uint32_t word;
            memcpy(&word, a + r * aStride + k, sizeof word);
            EPAS_UNROLL for (int v = 0; v < vectors; ++v) {
                sums[r][v] = Words32<Element>::added(sums[r][v], (Words)word, columns[v]);
            }
        }
    }
    EPAS_UNROLL for (int r = 0; r < rows; ++r) {
        EPAS_UNROLL for (int v = 0; v < vectors; ++v) {
            store(c + r * cStride + v * lanes, sums[r][v]);
        }
    }
}

/// All rows of up to `vectors` · 16 columns.
template <class Element, int vectors, bool adds>
EPAS_INLINE void multiplyColumns(
    int64_t rows, int64_t count, int64_t steps, const uint32_t *a, int64_t aStride,
    const uint32_t *b, int64_t bStride, float *c, int64_t cStride
) {
    if constexpr (vectors > 1) {
        if (count < vectors) {
            return multiplyColumns<Element, vectors - 1, adds>(
                rows, count, steps, a, aStride, b, bStride, c, cStride);
        }
    }
    for (int64_t row = 0; row < rows; row += EPAS_TILE_ROWS) {
        multiplyTile<Element, EPAS_TILE_ROWS, vectors, adds>(
            steps, a + row * aStride, aStride, b, bStride, c + row * cStride, cStride);
    }
}

/// c = a b, or c += a b.
///
/// - Parameters:
///   - rows: Rounded up to a multiple of EPAS_TILE_ROWS; there is memory for them.
///   - columns: A multiple of 16.
template <class Element, bool adds>
static void multiply(
    int64_t rows, int64_t columns, int64_t steps, const uint32_t *a, int64_t aStride,
    const uint32_t *b, int64_t bStride, float *c, int64_t cStride
) {
    static_assert(lanes % EPAS_TILE_ROWS == 0, "what is set aside is a multiple of both");
    for (int64_t column = 0; column < columns; column += EPAS_TILE_VECTORS * lanes) {
        multiplyColumns<Element, EPAS_TILE_VECTORS, adds>(
            rows, (columns - column) / lanes, steps, a, aStride, b + column, bStride, c + column,
            cStride);
    }
}

/// [rows][columns] to [columns][rows]; both are multiples of 16.
static inline void transposeWords(
    const uint32_t *from, int64_t fromStride, int64_t rows, int64_t columns, uint32_t *to,
    int64_t toStride
) {
    for (int64_t row = 0; row < rows; row += lanes) {
        for (int64_t column = 0; column < columns; column += lanes) {
            Words block[lanes];
            EPAS_UNROLL for (int i = 0; i < lanes; ++i) {
                block[i] = loadWords(from + (row + i) * fromStride + column);
            }
            transpose(block);
            EPAS_UNROLL for (int i = 0; i < lanes; ++i) {
                storeWords(to + (column + i) * toStride + row, block[i]);
            }
        }
    }
}

/// Tokens' numbers, `width` of them with zeros behind, as words along the numbers: [64][stride].
/// Tokens beyond `count` are zero.
template <class Element>
static void packRows(
    const Element *from, int64_t fromStride, int64_t count, int64_t width, uint32_t *to,
    int64_t stride
) {
    for (int64_t token = 0; token < tileTokens; ++token, to += stride) {
        if (token >= count) {
            memset(to, 0, stride * sizeof *to);
        } else if (Words32<Element>::isMemory) {
            char *bytes = reinterpret_cast<char *>(to);
            memcpy(bytes, from + token * fromStride, width * sizeof(Element));
            memset(
                bytes + width * sizeof(Element), 0,
                stride * sizeof *to - width * sizeof(Element));
        } else {
            for (int64_t i = 0; i < stride; i += lanes) {
                const Floats values = i < width
                    ? loadFirst(from + token * fromStride + i, width - i) : (Floats)0.0f;
                storeWords(to + i, (Words)values);
            }
        }
    }
}

/// Tokens' numbers as words along the tokens: [64 / depth][stride]. Tokens beyond `count` are zero.
template <class Element>
static void packPairs(
    const Element *from, int64_t fromStride, int64_t count, int64_t width, uint32_t *to,
    int64_t stride
) {
    if constexpr (Words32<Element>::depth == 1) {
        packRows(from, fromStride, count, width, to, stride);
    } else {
        const auto halves = [&](int64_t token, int64_t i) __attribute__((always_inline)) {
            Element values[lanes] = {};
            if (token < count) {
                memcpy(
                    values, from + token * fromStride + i,
                    std::min(width - i, lanes) * sizeof(Element));
            }
            Halves result;
            memcpy(&result, values, sizeof result);
            return result;
        };
        for (int64_t token = 0; token < tileTokens; token += 2, to += stride) {
            for (int64_t i = 0; i < stride; i += lanes) {
                storeWords(to + i, paired(halves(token, i), halves(token + 1, i)));
            }
        }
    }
}
