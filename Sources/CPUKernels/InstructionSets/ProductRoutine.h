// The matrix product of training. Both operands are packed into panels: for each step along the sum
// the numbers of all of a panel's rows or columns, so that the innermost loop reads memory in order.
// A panel's words hold one number each, or a pair of bfloat16 numbers where there are dot products
// of pairs.
//
// Each result is added up in the order of the sum's index, whatever the tiles and blocks are.

/// How numbers become words of a panel.
template <class Element> struct Steps {
    /// Numbers along the sum in a word.
    static constexpr int64_t size = Words32<Element>::depth;

    /// Words of 16 numbers, or pairs of them, that follow each other along the sum.
    template <class Number> EPAS_INLINE Words along(const Number *from) {
        if constexpr (size == 1) return numbers(from);
        if constexpr (sizeof(Number) == sizeof(uint16_t)) {
            Words words;
            memcpy(&words, from, sizeof words);
            return words;
        } else {
            const Halves both[2] = {halves(from), halves(from + lanes)};
            Words words;
            memcpy(&words, both, sizeof words);
            return words;
        }
    }

    /// Words of 16 lanes, whose numbers along the sum are `stride` apart.
    template <class Number> EPAS_INLINE Words across(const Number *from, int64_t stride) {
        if constexpr (size == 1) return numbers(from);
        return paired(halves(from), halves(from + stride));
    }

private:
    /// Numbers of the operands' type, as float32.
    template <class Number> EPAS_INLINE Words numbers(const Number *from) {
        if constexpr (sizeof(Number) > sizeof(Element)) return (Words)floats(narrowed(load(from)));
        return (Words)load(from);
    }
    EPAS_INLINE Halves halves(const float *from) { return narrowed(load(from)); }
    EPAS_INLINE Halves halves(const BFloat16 *from) {
        Halves halves;
        memcpy(&halves, from, sizeof halves);
        return halves;
    }
};

/// Rows, and vectors of columns, of a tile whose sums are in registers.
constexpr int64_t tileRows = EPAS_PRODUCT_ROWS;
constexpr int64_t tileVectors = EPAS_PRODUCT_VECTORS;
constexpr int64_t tileColumns = tileVectors * lanes;
static_assert(tileRows <= lanes);

/// Words along the sum that are taken at once: a panel of columns and a block of rows of that length
/// stay in a core's second cache.
constexpr int64_t stepBlock = 512;
/// Numbers along the sum that are packed at once of matrices whose rows lie across it.
constexpr int64_t packedNumbers = 128;
/// Rows that are packed at once, and columns whose sums wait together between blocks.
constexpr int64_t rowTiles = 16;
constexpr int64_t rowBlock = rowTiles * tileRows;
constexpr int64_t columnBlock = 24 * 32;
/// The words of a block of packed rows.
constexpr int64_t rowWords = rowTiles * lanes * stepBlock;

/// Packs up to sixteen lanes of a matrix, zeros behind the end of the sum.
///
/// - Parameters:
///   - first: The first lane; `count` are wanted, of `left` to the end of the matrix. Those behind
///     the wanted ones hold anything, or zeros where the matrix has ended.
///   - begin: The first number along the sum, `end` the one behind the last.
///   - words: Where the first lane's first word goes; those of the next step are `stride` further.
template <class Element, class Number>
static void pack(
    const ProductOperand<Number> &matrix, int64_t first, int64_t count, int64_t left,
    int64_t begin, int64_t end, uint32_t *words, int64_t stride
) {
    typedef Steps<Element> S;
    if (!matrix.sumIsMajor) {
        const Number *from = matrix.numbers + first * matrix.stride;
        for (int64_t k = begin; k < end; k += lanes * S::size) {
            const int64_t length = std::min(end - k, lanes * S::size);
            Words block[lanes];
            EPAS_UNROLL for (int i = 0; i < lanes; ++i) {
                if (i >= count) {
                    block[i] = (Words)0u;
                } else if (length == lanes * S::size) {
                    block[i] = S::along(from + i * matrix.stride + k);
                } else {
                    Number last[lanes * S::size] = {};
                    memcpy(last, from + i * matrix.stride + k, length * sizeof(Number));
                    block[i] = S::along(last);
                }
            }
            transpose(block);
            const int64_t steps = (length + S::size - 1) / S::size;
            for (int64_t i = 0; i < steps; ++i, words += stride) {
                storeWords(words, block[i]);
            }
        }
        return;
    }
    for (int64_t k = begin; k < end; k += S::size, words += stride) {
        const Number *from = matrix.numbers + k * matrix.stride + first;
        Words word;
        if (left >= lanes && k + S::size <= end) {
            word = S::across(from, matrix.stride);
        } else {
            Number last[S::size * lanes] = {};
            for (int64_t i = 0; i < std::min(S::size, end - k); ++i) {
                memcpy(
                    last + i * lanes, from + i * matrix.stride,
                    std::min(left, lanes) * sizeof(Number));
            }
            word = S::across(last, lanes);
        }
        storeWords(words, word);
    }
}

template <class Element> static int64_t panelWords(int64_t sum) {
    return (sum + Steps<Element>::size - 1) / Steps<Element>::size * tileColumns;
}

/// Packs the numbers `begin` to `end` along the sum of some panels.
template <class Element, class Number>
static void packPanels(
    const ProductCall<Element> &call, const ProductOperand<Number> &matrix, int64_t firstPanel,
    int64_t lastPanel, int64_t begin, int64_t end
) {
    typedef Steps<Element> S;
    const auto words = [&](int64_t panel, int64_t k) __attribute__((always_inline)) {
        return call.packedColumns + panel * panelWords<Element>(call.sum)
            + k / S::size * tileColumns;
    };
    // Where rows lie across the sum, each is read once, from end to end: of one panel's part few
    // lines would be foreseen by the processor.
    const int64_t wholePanels = matrix.sumIsMajor ? call.columns / tileColumns : 0;
    const int64_t wholeEnd = end - (end - begin) % S::size;
    for (int64_t k = begin; k < wholeEnd && firstPanel < wholePanels; k += S::size) {
        const Number *row = matrix.numbers + k * matrix.stride;
        for (int64_t panel = firstPanel; panel < std::min(lastPanel, wholePanels); ++panel) {
            EPAS_UNROLL for (int v = 0; v < tileVectors; ++v) {
                storeWords(
                    words(panel, k) + v * lanes,
                    S::across(row + panel * tileColumns + v * lanes, matrix.stride));
            }
        }
    }
    for (int64_t panel = firstPanel; panel < lastPanel; ++panel) {
        const int64_t first = panel * tileColumns;
        const int64_t start = panel < wholePanels ? wholeEnd : begin;
        EPAS_UNROLL for (int v = 0; v < tileVectors; ++v) {
            const int64_t count = std::max<int64_t>(call.columns - first - v * lanes, 0);
            pack<Element>(
                matrix, count > 0 ? first + v * lanes : 0, count, count, start, end,
                words(panel, start) + v * lanes, tileColumns);
        }
    }
}

template <class Element>
static void packColumns(
    const ProductCall<Element> &call, int64_t firstPanel, int64_t lastPanel, int64_t begin,
    int64_t end
) {
    if (call.wide.numbers) {
        packPanels(call, call.wide, firstPanel, lastPanel, begin, end);
    } else {
        packPanels(call, call.b, firstPanel, lastPanel, begin, end);
    }
}

/// Adds a block of the sum to the results of a tile.
///
/// - Parameters:
///   - sums: The tile's sums so far, unless this `isFirst`; rows are `stride` apart. What the block
///     leaves goes there, unless it is the last one: then it goes to the result.
template <class Element>
static __attribute__((noinline)) void productTile(
    const ProductCall<Element> &call, const uint32_t *a, const uint32_t *b, int64_t steps,
    int64_t row, int64_t rows, int64_t column, int64_t columns, bool isFirst, bool isLast,
    float *sums, int64_t stride
) {
    Floats partial[tileRows][tileVectors];
    EPAS_UNROLL for (int r = 0; r < tileRows; ++r) {
        EPAS_UNROLL for (int v = 0; v < tileVectors; ++v) {
            partial[r][v] = isFirst || r >= rows ? (Floats)0.0f
                : load(sums + r * stride + v * lanes);
        }
    }
    for (int64_t k = 0; k < steps; ++k, a += lanes, b += tileColumns) {
        Words words[tileVectors];
        EPAS_UNROLL for (int v = 0; v < tileVectors; ++v) {
            words[v] = loadWords(b + v * lanes);
        }
        EPAS_UNROLL for (int r = 0; r < tileRows; ++r) {
            EPAS_UNROLL for (int v = 0; v < tileVectors; ++v) {
                partial[r][v] = Words32<Element>::added(
                    partial[r][v], (Words)a[r], words[v]);
            }
        }
    }
    EPAS_UNROLL for (int r = 0; r < tileRows; ++r) {
        if (r >= rows) continue;
        EPAS_UNROLL for (int v = 0; v < tileVectors; ++v) {
            const int64_t left = columns - v * lanes;
            const int64_t place = (row + r) * call.resultStride + column + v * lanes;
            if (!isLast) {
                store(sums + r * stride + v * lanes, partial[r][v]);
            } else if (left <= 0) {
                continue;
            } else if (call.isFloat) {
                storeFirst(static_cast<float *>(call.y) + place, partial[r][v], left);
            } else {
                storeFirst(static_cast<BFloat16 *>(call.y) + place, partial[r][v], left);
            }
        }
    }
}

template <class Element>
static void product(
    const ProductCall<Element> &call, int64_t firstRow, int64_t lastRow, int64_t firstColumn,
    int64_t lastColumn, uint32_t *workspace
) {
    typedef Steps<Element> S;
    const int64_t panelSize = panelWords<Element>(call.sum);
    float *const sums = reinterpret_cast<float *>(workspace + rowWords);
    const int64_t stride = (lastColumn - firstColumn + tileColumns - 1) / tileColumns * tileColumns;
    for (int64_t begin = 0; begin < call.sum; begin += stepBlock * S::size) {
        const int64_t end = std::min(begin + stepBlock * S::size, call.sum);
        const int64_t steps = (end - begin + S::size - 1) / S::size;
        // Rows across the sum are shared by tiles: a piece of them stays in the first cache.
        const int64_t piece = call.a.sumIsMajor ? packedNumbers : end - begin;
        for (int64_t first = begin; first < end; first += piece) {
            for (int64_t row = firstRow; row < lastRow; row += tileRows) {
                pack<Element>(
                    call.a, row, std::min(tileRows, lastRow - row), call.rows - row, first,
                    std::min(first + piece, end),
                    workspace + (row - firstRow) / tileRows * lanes * stepBlock
                        + (first - begin) / S::size * lanes,
                    lanes);
            }
        }
        for (int64_t column = firstColumn; column < lastColumn; column += tileColumns) {
            const uint32_t *b = call.packedColumns + column / tileColumns * panelSize
                + begin / S::size * tileColumns;
            for (int64_t row = firstRow; row < lastRow; row += tileRows) {
                productTile<Element>(
                    call, workspace + (row - firstRow) / tileRows * lanes * stepBlock, b, steps,
                    row, std::min(tileRows, lastRow - row), column, lastColumn - column,
                    begin == 0, end == call.sum,
                    sums + (row - firstRow) * stride + column - firstColumn, stride);
            }
        }
    }
}

constexpr ProductTiling productTiling = {
    tileColumns, tileRows, rowBlock, columnBlock, packedNumbers, rowWords + rowBlock * columnBlock,
};
