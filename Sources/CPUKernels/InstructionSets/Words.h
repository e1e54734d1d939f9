// Operands of products: words of 32 bits, which hold a number, or two bfloat16 numbers that follow
// each other along what is summed over where there are dot products of pairs.

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

/// The transpose of sixteen vectors.
EPAS_INLINE void transpose(Words (&v)[lanes]) {
#define EPAS_EXCHANGE(distance, ...)                                                        \
    EPAS_UNROLL for (int i = 0; i < lanes; ++i) {                                           \
        if ((i & distance) != 0) continue;                                                  \
        const Words a = v[i], b = v[i + distance];                                          \
        v[i] = __builtin_shufflevector(a, b, EPAS_LOW_##distance);                          \
        v[i + distance] = __builtin_shufflevector(a, b, EPAS_HIGH_##distance);              \
    }
#define EPAS_LOW_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define EPAS_HIGH_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define EPAS_LOW_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define EPAS_HIGH_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define EPAS_LOW_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define EPAS_HIGH_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define EPAS_LOW_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define EPAS_HIGH_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
    EPAS_EXCHANGE(8)
    EPAS_EXCHANGE(4)
    EPAS_EXCHANGE(2)
    EPAS_EXCHANGE(1)
#undef EPAS_EXCHANGE
}
