// The matrix product. Each row and output has one vector of partial sums, to which products are
// added in the order of the input features; the order is the same in tiles of every size.

/// How products of elements are added up.
template <class Element> struct Products {
    typedef Floats Operand;
    static constexpr int64_t width = lanes;
    EPAS_INLINE Operand operand(const Element *from) { return load(from); }
    /// Integers times their scale, rounded as elements are.
    EPAS_INLINE Operand operand(const int8_t *from, float scale) {
        const Floats values = load(from) * scale;
        if constexpr (std::is_same_v<Element, float>) return values;
        // To nearest, ties to even; none is infinite or not a number.
        const Words bits = (Words)values;
        return (Floats)((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000u);
    }
    EPAS_INLINE Floats added(Floats sums, Operand x, Operand w) { return multiplyAdd(x, w, sums); }
};

#if defined(EPAS_BF16_PRODUCTS)
/// Lane i adds the products of elements 2i and 2i + 1.
template <> struct Products<BFloat16> {
    typedef __m512bh Operand;
    static constexpr int64_t width = 2 * lanes;
    EPAS_INLINE Operand operand(const BFloat16 *from) {
        return (__m512bh)_mm512_loadu_si512(from);
    }
    EPAS_INLINE Operand operand(const int8_t *from, float scale) {
        return _mm512_cvtne2ps_pbh(
            (__m512)(load(from + lanes) * scale), (__m512)(load(from) * scale));
    }
    EPAS_INLINE Floats added(Floats sums, Operand x, Operand w) {
        return (Floats)_mm512_dpbf16_ps((__m512)sums, x, w);
    }
};
#endif

/// The weights of a tile: elements, where they lie.
template <class Element> struct StoredWeights {
    typedef Products<Element> P;
    static constexpr bool areInMemory = true;
    const Element *first;
    int64_t in;

    EPAS_INLINE StoredWeights at(
        const LinearCall<Element> &call, int64_t output, const typename P::Operand *, int64_t
    ) {
        return {call.weight + output * call.in, call.in};
    }
    EPAS_MEMBER typename P::Operand operand(int o, int64_t i) const {
        return P::operand(first + o * in + i);
    }
    /// The last ones, of which there are fewer than an operand takes.
    EPAS_MEMBER typename P::Operand last(int o, int64_t i) const {
        Element buffer[P::width] = {};
        memcpy(buffer, first + o * in + i, (in - i) * sizeof(Element));
        return P::operand(buffer);
    }
    EPAS_MEMBER void fetch(int o, int64_t i) const {
        __builtin_prefetch(first + o * in + i);
    }
};

/// Integers, which become operands as they are needed.
template <class Element> struct IntegerWeights {
    typedef Products<Element> P;
    static constexpr bool areInMemory = true;
    const int8_t *first;
    const float *scales;
    int64_t in;

    EPAS_INLINE IntegerWeights at(
        const LinearCall<Element> &call, int64_t output, const typename P::Operand *, int64_t
    ) {
        return {
            call.integers + output * call.in, call.scales + output * scaleCount(call.in), call.in,
        };
    }
    EPAS_MEMBER float scale(int o, int64_t i) const {
        return scales[o * scaleCount(in) + i / scaleBlock];
    }
    EPAS_MEMBER typename P::Operand operand(int o, int64_t i) const {
        return P::operand(first + o * in + i, scale(o, i));
    }
    EPAS_MEMBER typename P::Operand last(int o, int64_t i) const {
        int8_t buffer[P::width] = {};
        memcpy(buffer, first + o * in + i, in - i);
        return P::operand(buffer, scale(o, i));
    }
    EPAS_MEMBER void fetch(int o, int64_t i) const {
        __builtin_prefetch(first + o * in + i);
    }
};

/// Operands that were made of integers, for several rows.
template <class Element> struct UnpackedWeights {
    typedef Products<Element> P;
    static constexpr bool areInMemory = false;
    /// The most inputs of an output.
    static constexpr int64_t block = 4096 / sizeof(Element);
    static_assert(block % scaleBlock == 0 && scaleBlock % P::width == 0);
    const typename P::Operand *first;
    int64_t begin;

    EPAS_INLINE UnpackedWeights at(
        const LinearCall<Element> &, int64_t, const typename P::Operand *unpacked, int64_t begin
    ) {
        return {unpacked, begin};
    }
    EPAS_MEMBER typename P::Operand operand(int o, int64_t i) const {
        return first[(o * block + i - begin) / P::width];
    }
    EPAS_MEMBER typename P::Operand last(int o, int64_t i) const {
        return operand(o, i);
    }
    EPAS_MEMBER void fetch(int, int64_t) const {}
};

/// Adds bias and residual to products and stores the results.
template <class Element, int outputs>
EPAS_INLINE void finish(
    const LinearCall<Element> &call, int64_t row, int64_t output, float (&values)[outputs]
) {
    const int64_t place = row * call.out + output;
    EPAS_UNROLL for (int o = 0; o < outputs; ++o) {
        if (call.bias) values[o] += call.bias[output + o];
    }
    typedef uint32_t Word __attribute__((ext_vector_type(outputs)));
    typedef uint16_t Half __attribute__((ext_vector_type(outputs)));
    typedef float Value __attribute__((ext_vector_type(outputs)));
    Value sums;
    memcpy(&sums, values, sizeof values);
    if (call.isFloat) {
        if (call.residual) {
            Value residual;
            memcpy(&residual, static_cast<const float *>(call.residual) + place, sizeof values);
            sums += residual;
        }
        memcpy(static_cast<float *>(call.y) + place, &sums, sizeof values);
    } else {
        Half half;
        constexpr size_t size = outputs * sizeof(BFloat16);
        if (call.residual) {
            memcpy(&half, static_cast<const BFloat16 *>(call.residual) + place, size);
            sums += (Value)(__builtin_convertvector(half, Word) << 16);
        }
        half = rounded<Word, Half>(sums);
        memcpy(static_cast<BFloat16 *>(call.y) + place, &half, size);
    }
}

/// Adds the products of features `begin` to `end` to the partial sums of `rows` × `outputs` results;
/// finishes them if those features are the last.
///
/// - Parameters:
///   - fetches: Whether the weights of the next outputs are fetched meanwhile; they lie behind these,
///     row after row.
///   - unpacked: The weights of the outputs, where they are not taken from the call's.
///   - saved: Where partial sums wait between calls, `outputs` for each row.
template <class Element, class Weights, int rows, int outputs, bool fetches>
static __attribute__((noinline)) void tile(
    const LinearCall<Element> &call, const typename Products<Element>::Operand *unpacked,
    int64_t row, int64_t output, int64_t begin, int64_t end, Floats *saved
) {
    typedef Products<Element> P;
    const Weights weights = Weights::at(call, output, unpacked, begin);
    const int64_t in = call.in;
    const Element *x = call.x + row * in;
    Floats partial[rows][outputs];
    EPAS_UNROLL for (int r = 0; r < rows; ++r) {
        EPAS_UNROLL for (int o = 0; o < outputs; ++o) {
            partial[r][o] = begin == 0 ? (Floats)0.0f : saved[r * outputs + o];
        }
    }
    if (end == in) {
        // The results' memory was last written by another thread, for another product.
        const int64_t size = call.isFloat ? sizeof(float) : sizeof(BFloat16);
        EPAS_UNROLL for (int r = 0; r < rows; ++r) {
            const int64_t place = ((row + r) * call.out + output) * size;
            __builtin_prefetch(static_cast<const char *>(call.y) + place, 1);
        }
    }
    const int64_t whole = begin + (end - begin) / P::width * P::width;
    for (int64_t i = begin; i < whole; i += P::width) {
        typename P::Operand operands[outputs];
        EPAS_UNROLL for (int o = 0; o < outputs; ++o) {
            operands[o] = weights.operand(o, i);
            if (fetches) weights.fetch(outputs + o, i);
        }
        EPAS_UNROLL for (int r = 0; r < rows; ++r) {
            const typename P::Operand values = P::operand(x + r * in + i);
            EPAS_UNROLL for (int o = 0; o < outputs; ++o) {
                partial[r][o] = P::added(partial[r][o], values, operands[o]);
            }
        }
    }
    if (whole < end) {
        const size_t rest = (end - whole) * sizeof(Element);
        Element last[P::width] = {};
        typename P::Operand operands[outputs];
        EPAS_UNROLL for (int o = 0; o < outputs; ++o) operands[o] = weights.last(o, whole);
        EPAS_UNROLL for (int r = 0; r < rows; ++r) {
            memcpy(last, x + r * in + whole, rest);
            const typename P::Operand values = P::operand(last);
            EPAS_UNROLL for (int o = 0; o < outputs; ++o) {
                partial[r][o] = P::added(partial[r][o], values, operands[o]);
            }
        }
    }
    if (end < in) {
        EPAS_UNROLL for (int r = 0; r < rows; ++r) {
            EPAS_UNROLL for (int o = 0; o < outputs; ++o) saved[r * outputs + o] = partial[r][o];
        }
        return;
    }
    EPAS_UNROLL for (int r = 0; r < rows; ++r) {
        float results[outputs];
        if constexpr (outputs == 4) {
            const FourFloats four =
                sums(partial[r][0], partial[r][1], partial[r][2], partial[r][3]);
            memcpy(results, &four, sizeof results);
        } else {
            static_assert(outputs == 1);
            results[0] = sum(partial[r][0]);
        }
        finish<Element, outputs>(call, row + r, output, results);
    }
}

template <class Element, class Weights, int rows, int outputs>
EPAS_INLINE void rowTile(
    const LinearCall<Element> &call, const typename Products<Element>::Operand *unpacked,
    bool isFirst, int64_t count, int64_t row, int64_t output, int64_t begin, int64_t end,
    Floats *saved
) {
    if constexpr (rows > 1) {
        if (count < rows) {
            return rowTile<Element, Weights, rows - 1, outputs>(
                call, unpacked, isFirst, count, row, output, begin, end, saved);
        }
    }
    if (isFirst && Weights::areInMemory) {
        tile<Element, Weights, rows, outputs, true>(
            call, unpacked, row, output, begin, end, saved);
    } else {
        tile<Element, Weights, rows, outputs, false>(
            call, unpacked, row, output, begin, end, saved);
    }
}

/// All rows of some outputs, in tiles as equal as can be.
template <class Element, class Weights, int outputs>
EPAS_INLINE void tiles(
    const LinearCall<Element> &call, const typename Products<Element>::Operand *unpacked,
    int64_t firstRow, int64_t lastRow, int64_t output, int64_t begin, int64_t end, Floats *saved
) {
    const int64_t tiles = (lastRow - firstRow + EPAS_ROWS - 1) / EPAS_ROWS;
    for (int64_t i = 0, row = firstRow; i < tiles; ++i) {
        const int64_t left = lastRow - row;
        const int64_t count = (left + tiles - i - 1) / (tiles - i);
        rowTile<Element, Weights, EPAS_ROWS, outputs>(
            call, unpacked, i == 0, count, row, output, begin, end, saved);
        row += count;
        if (saved) saved += count * outputs;
    }
}

/// The same with integers, of which operands are made once for all rows. The numbers are the same.
template <class Element, int outputs>
static __attribute__((noinline)) void unpackedTiles(
    const LinearCall<Element> &call, int64_t firstRow, int64_t lastRow, int64_t output,
    int64_t begin, int64_t end, Floats *saved
) {
    typedef Products<Element> P;
    typedef UnpackedWeights<Element> Unpacked;
    const auto integers = IntegerWeights<Element>::at(call, output, nullptr, begin);
    typename P::Operand operands[outputs * Unpacked::block / P::width];
    for (int o = 0; o < outputs; ++o) {
        typename P::Operand *to = operands + o * Unpacked::block / P::width;
        int64_t i = begin;
        for (; i + P::width <= end; i += P::width) {
            *to++ = integers.operand(o, i);
            integers.fetch(outputs + o, i);
        }
        if (i < end) *to = integers.last(o, i);
    }
    tiles<Element, Unpacked, outputs>(
        call, operands, firstRow, lastRow, output, begin, end, saved);
}

/// All rows of some outputs.
template <class Element, int outputs>
EPAS_INLINE void column(
    const LinearCall<Element> &call, int64_t firstRow, int64_t lastRow, int64_t output,
    int64_t begin, int64_t end, Floats *saved
) {
    if (!call.integers) {
        tiles<Element, StoredWeights<Element>, outputs>(
            call, nullptr, firstRow, lastRow, output, begin, end, saved);
    } else if (lastRow - firstRow <= EPAS_ROWS) {
        tiles<Element, IntegerWeights<Element>, outputs>(
            call, nullptr, firstRow, lastRow, output, begin, end, saved);
    } else {
        unpackedTiles<Element, outputs>(call, firstRow, lastRow, output, begin, end, saved);
    }
}

template <class Element> static void linear(
    const LinearCall<Element> &call, int64_t firstRow, int64_t lastRow, int64_t firstOutput,
    int64_t lastOutput
) {
    // With more rows than one tile has, the features are taken in blocks of which a tile's share
    // stays in the first cache and all rows' share in the second.
    constexpr int64_t block = UnpackedWeights<Element>::block;
    const int64_t rows = lastRow - firstRow;
    const bool isBlocked = rows > EPAS_ROWS && call.in > block;
    const std::unique_ptr<Floats[]> saved(
        isBlocked ? new Floats[rows * (lastOutput - firstOutput)] : nullptr);
    for (int64_t begin = 0; begin < call.in;) {
        const int64_t end = isBlocked ? std::min(begin + block, call.in) : call.in;
        Floats *place = saved.get();
        int64_t output = firstOutput;
        for (; output + 4 <= lastOutput; output += 4, place += isBlocked ? 4 * rows : 0) {
            column<Element, 4>(call, firstRow, lastRow, output, begin, end, place);
        }
        for (; output < lastOutput; ++output, place += isBlocked ? rows : 0) {
            column<Element, 1>(call, firstRow, lastRow, output, begin, end, place);
        }
        begin = end;
    }
}
