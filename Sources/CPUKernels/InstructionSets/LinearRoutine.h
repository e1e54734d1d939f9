// The matrix product. Each row and output has one vector of partial sums, to which products are
// added in the order of the input features; the order is the same in tiles of every size.

/// How products of elements are added up.
template <class Element> struct Products {
    typedef Floats Operand;
    static constexpr int64_t width = lanes;
    EPAS_INLINE Operand operand(const Element *from) { return load(from); }
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
    EPAS_INLINE Floats added(Floats sums, Operand x, Operand w) {
        return (Floats)_mm512_dpbf16_ps((__m512)sums, x, w);
    }
};
#endif

template <class Element, int outputs>
EPAS_INLINE void addBias(
    const LinearCall<Element> &call, int64_t row, int64_t output, float (&values)[outputs]
) {
    const int64_t place = row * call.out + output;
    for (int o = 0; o < outputs; ++o) {
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

/// Computes `rows` × `outputs` results.
template <class Element, int rows, int outputs>
static __attribute__((noinline)) void tile(
    const LinearCall<Element> &call, int64_t row, int64_t output
) {
    typedef Products<Element> P;
    const int64_t in = call.in;
    const Element *x = call.x + row * in;
    const Element *w = call.weight + output * in;
    Floats partial[rows][outputs];
    for (int r = 0; r < rows; ++r) {
        for (int o = 0; o < outputs; ++o) partial[r][o] = (Floats)0.0f;
    }
    const int64_t whole = in / P::width * P::width;
    for (int64_t i = 0; i < whole; i += P::width) {
        typename P::Operand weights[outputs];
#pragma clang loop unroll(full)
        for (int o = 0; o < outputs; ++o) {
            weights[o] = P::operand(w + o * in + i);
            // The outputs that come next lie behind these, row after row.
            if (rows == 1) __builtin_prefetch(w + (outputs + o) * in + i);
        }
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; ++r) {
            const typename P::Operand values = P::operand(x + r * in + i);
#pragma clang loop unroll(full)
            for (int o = 0; o < outputs; ++o) {
                partial[r][o] = P::added(partial[r][o], values, weights[o]);
            }
        }
    }
    if (whole < in) {
        const size_t rest = (in - whole) * sizeof(Element);
        Element last[P::width] = {};
        typename P::Operand weights[outputs];
        for (int o = 0; o < outputs; ++o) {
            memcpy(last, w + o * in + whole, rest);
            weights[o] = P::operand(last);
        }
        for (int r = 0; r < rows; ++r) {
            memcpy(last, x + r * in + whole, rest);
            const typename P::Operand values = P::operand(last);
            for (int o = 0; o < outputs; ++o) {
                partial[r][o] = P::added(partial[r][o], values, weights[o]);
            }
        }
    }
    for (int r = 0; r < rows; ++r) {
        float results[outputs];
        if constexpr (outputs == 4) {
            const FourFloats four =
                sums(partial[r][0], partial[r][1], partial[r][2], partial[r][3]);
            memcpy(results, &four, sizeof results);
        } else {
            static_assert(outputs == 1);
            results[0] = sum(partial[r][0]);
        }
        addBias<Element, outputs>(call, row + r, output, results);
    }
}

/// Tiles of up to `rows` rows for all rows, as equal as can be.
template <class Element, int rows, int outputs>
EPAS_INLINE void rowTile(
    const LinearCall<Element> &call, int64_t row, int64_t count, int64_t output
) {
    if constexpr (rows > 1) {
        if (count < rows) return rowTile<Element, rows - 1, outputs>(call, row, count, output);
    }
    tile<Element, rows, outputs>(call, row, output);
}

template <class Element, int outputs>
EPAS_INLINE void column(
    const LinearCall<Element> &call, int64_t firstRow, int64_t lastRow, int64_t output
) {
    const int64_t tiles = (lastRow - firstRow + EPAS_ROWS - 1) / EPAS_ROWS;
    for (int64_t i = 0, row = firstRow; i < tiles; ++i) {
        const int64_t left = lastRow - row;
        const int64_t count = (left + tiles - i - 1) / (tiles - i);
        rowTile<Element, EPAS_ROWS, outputs>(call, row, count, output);
        row += count;
    }
}

template <class Element> static void linear(
    const LinearCall<Element> &call, int64_t firstRow, int64_t lastRow, int64_t firstOutput,
    int64_t lastOutput
) {
    int64_t output = firstOutput;
    for (; output + 4 <= lastOutput; output += 4) {
        column<Element, 4>(call, firstRow, lastRow, output);
    }
    for (; output < lastOutput; ++output) column<Element, 1>(call, firstRow, lastRow, output);
}
