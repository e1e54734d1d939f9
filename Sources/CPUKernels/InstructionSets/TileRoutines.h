// Products of tiles, c = a b, and how tiles become operands of them.
//
// Operands are in words of 32 bits, which hold a number, or two that follow each other along what
// is summed over where there are dot products of pairs. a is [rows][steps], b is [steps][columns],
// so that a word of a meets sixteen of b.

/// How numbers become words and words are multiplied.
template <class Element> struct Words32 {
    /// Numbers in a word.
    static constexpr int64_t depth = 1;
    /// Whether numbers in memory are words already.
    static constexpr bool isMemory = sizeof(Element) == sizeof(uint32_t);

    EPAS_INLINE Floats added(Floats sums, Words a, Words b) {
        return multiplyAdd((Floats)a, (Floats)b, sums);
    }
};

#if defined(EPAS_BF16_PRODUCTS)
template <> struct Words32<BFloat16> {
    static constexpr int64_t depth = 2;
    static constexpr bool isMemory = true;

    EPAS_INLINE Floats added(Floats sums, Words a, Words b) {
        return (Floats)_mm512_dpbf16_ps((__m512)sums, (__m512bh)a, (__m512bh)b);
    }
};
#endif

EPAS_INLINE Words loadWords(const uint32_t *from) {
    Words words;
    memcpy(&words, from, sizeof words);
    return words;
}

EPAS_INLINE void storeWords(uint32_t *to, Words words) { memcpy(to, &words, sizeof words); }

/// Rounds to bfloat16.
EPAS_INLINE Halves narrowed(Floats values) {
#if defined(EPAS_BF16_PRODUCTS)
    return (Halves)_mm512_cvtneps_pbh((__m512)values);
#else
    return rounded<Words, Halves>(values);
#endif
}

EPAS_INLINE Words paired(Halves first, Halves second) {
    return __builtin_convertvector(first, Words) | __builtin_convertvector(second, Words) << 16;
}

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

/// The transpose of sixteen vectors: four times, each vector's lanes are dealt out to two vectors.
EPAS_INLINE void transposeBlock(Words (&block)[lanes]) {
    EPAS_UNROLL for (int turn = 0; turn < 4; ++turn) {
        Words next[lanes];
        EPAS_UNROLL for (int i = 0; i < lanes / 2; ++i) {
            const Words a = block[i], b = block[i + lanes / 2];
            next[2 * i] = __builtin_shufflevector(
                a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            next[2 * i + 1] = __builtin_shufflevector(
                a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
        EPAS_UNROLL for (int i = 0; i < lanes; ++i) block[i] = next[i];
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
            transposeBlock(block);
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

/// e to the power of x where x is at most about zero; not a number where x is none. Otherwise as
/// ``exponential``.
EPAS_INLINE Floats power(Floats x) {
    const Words isSmall = (Words)(x < (Floats)(-87.33f));
    const Floats clamped = select(isSmall, (Floats)(-87.33f), x);
    const Floats shifted = multiplyAdd(clamped, (Floats)1.44269504f, (Floats)12582912.0f);
    const Floats n = shifted - (Floats)12582912.0f;
    Floats r = multiplyAdd(n, (Floats)(-0.693359375f), clamped);
    r = multiplyAdd(n, (Floats)2.12194440e-4f, r);
    Floats result = (Floats)(1.0f / 5040);
    result = multiplyAdd(result, r, (Floats)(1.0f / 720));
    result = multiplyAdd(result, r, (Floats)(1.0f / 120));
    result = multiplyAdd(result, r, (Floats)(1.0f / 24));
    result = multiplyAdd(result, r, (Floats)(1.0f / 6));
    result = multiplyAdd(result, r, (Floats)0.5f);
    result = multiplyAdd(result, r, (Floats)1.0f);
    result = multiplyAdd(result, r, (Floats)1.0f);
    result *= (Floats)(((Words)shifted << 23) + 0x3F800000u);
    return select(isSmall, (Floats)0.0f, result);
}
