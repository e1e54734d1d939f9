// Sixteen numbers at a time.

#define EPAS_INLINE static inline __attribute__((always_inline))
#define EPAS_MEMBER inline __attribute__((always_inline))

// Arrays of vectors stay in registers only where every index is known.
#define EPAS_UNROLL _Pragma("clang loop unroll(full)")

typedef float Floats __attribute__((ext_vector_type(16)));
typedef uint32_t Words __attribute__((ext_vector_type(16)));
typedef uint16_t Halves __attribute__((ext_vector_type(16)));
typedef float FourFloats __attribute__((ext_vector_type(4)));

constexpr int64_t lanes = 16;

/// How far ahead blocks of the cache, which lie anywhere in memory, are fetched: one of them takes
/// less time to compute with than to come.
constexpr int64_t blocksAhead = 2;

// Passing vectors by value has no stable interface between functions of different instruction sets;
// here everything is inlined.
#pragma clang diagnostic ignored "-Wpsabi"

EPAS_INLINE Floats floats(Halves halves) {
    return (Floats)(__builtin_convertvector(halves, Words) << 16);
}

/// Rounds to nearest, ties to even; a NaN stays a quiet NaN.
template <class Wide, class Narrow, class Source> EPAS_INLINE Narrow rounded(Source values) {
    const Wide bits = (Wide)values;
    const Wide nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    const Wide quiet = (bits >> 16) | 0x40;
    const Wide isNumber = (Wide)(values == values);
    return __builtin_convertvector((nearest & isNumber) | (quiet & ~isNumber), Narrow);
}

EPAS_INLINE Floats load(const float *from) {
    Floats values;
    memcpy(&values, from, sizeof values);
    return values;
}

EPAS_INLINE Floats load(const BFloat16 *from) {
    Halves halves;
    memcpy(&halves, from, sizeof halves);
    return floats(halves);
}

EPAS_INLINE Floats load(const int8_t *from) {
    typedef int8_t Bytes __attribute__((ext_vector_type(16)));
    Bytes bytes;
    memcpy(&bytes, from, sizeof bytes);
    return __builtin_convertvector(bytes, Floats);
}

EPAS_INLINE void store(float *to, Floats values) { memcpy(to, &values, sizeof values); }

EPAS_INLINE void store(BFloat16 *to, Floats values) {
#if defined(EPAS_BF16_PRODUCTS)
    // The same, but for numbers too small to be normal, which become zero.
    const auto halves = _mm512_cvtneps_pbh((__m512)values);
#else
    const Halves halves = rounded<Words, Halves>(values);
#endif
    memcpy(to, &halves, sizeof halves);
}

/// The first `count` numbers, zeros after them; 1 to 16.
template <class Element> EPAS_INLINE Floats loadFirst(const Element *from, int64_t count) {
    if (count >= lanes) return load(from);
    Element buffer[lanes] = {};
    memcpy(buffer, from, count * sizeof(Element));
    return load(buffer);
}

template <class Element> EPAS_INLINE void storeFirst(Element *to, Floats values, int64_t count) {
    if (count >= lanes) return store(to, values);
    Element buffer[lanes];
    store(buffer, values);
    memcpy(to, buffer, count * sizeof(Element));
}

/// Calls the body with the place of each vector of a row and the number of its lanes, which is known
/// to the compiler but for the last one.
template <class Body> EPAS_INLINE void forEachVector(int64_t size, const Body &body) {
    int64_t i = 0;
    for (; i + lanes <= size; i += lanes) body(i, lanes);
    if (i < size) body(i, size - i);
}

/// a · b + c.
EPAS_INLINE Floats multiplyAdd(Floats a, Floats b, Floats c) {
#if defined(EPAS_FMA)
    return __builtin_elementwise_fma(a, b, c);
#else
    return a * b + c;
#endif
}

EPAS_INLINE Floats select(Words mask, Floats a, Floats b) {
    return (Floats)((mask & (Words)a) | (~mask & (Words)b));
}

EPAS_INLINE Floats larger(Floats a, Floats b) { return select((Words)(a > b), a, b); }

/// Lane i plus lane i + 8, then + 4, + 2, + 1: the order in every sum over lanes.
EPAS_INLINE float sum(Floats v) {
    const auto eight = v.lo + v.hi;
    const auto four = eight.lo + eight.hi;
    const auto two = four.lo + four.hi;
    return two.x + two.y;
}

/// The sums over the lanes of four vectors, each in the order of ``sum``.
EPAS_INLINE FourFloats sums(Floats a, Floats b, Floats c, Floats d) {
    const Floats ab =
        __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
        + __builtin_shufflevector(
            a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const Floats cd =
        __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
        + __builtin_shufflevector(
            c, d, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const Floats four =
        __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
        + __builtin_shufflevector(
            ab, cd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    const Floats two =
        four
        + __builtin_shufflevector(four, four, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    const Floats one =
        two
        + __builtin_shufflevector(two, two, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    return __builtin_shufflevector(one, one, 0, 4, 8, 12);
}

EPAS_INLINE float largest(Floats v) {
    float values[lanes];
    store(values, v);
    float result = values[0];
    for (int i = 1; i < lanes; ++i) result = values[i] > result ? values[i] : result;
    return result;
}

/// e to the power of x: 2ⁿ · eʳ with |r| <= ln 2 / 2 and eʳ by its Taylor series, whose first
/// missing term is 5e-9. x is from -87.33 to 88.37, so that 2ⁿ is a normal float32, or not a number.
EPAS_INLINE Floats boundedPower(Floats x) {
    // Adding 1.5 · 2²³ rounds to an integer, which is then in the lowest bits.
    const Floats shifted = multiplyAdd(x, (Floats)1.44269504f, (Floats)12582912.0f);
    const Floats n = shifted - (Floats)12582912.0f;
    // ln 2 in two parts, the first one with zeros at its end, so that n times it is exact.
    Floats r = multiplyAdd(n, (Floats)(-0.693359375f), x);
    r = multiplyAdd(n, (Floats)2.12194440e-4f, r);
    Floats power = (Floats)(1.0f / 5040);
    power = multiplyAdd(power, r, (Floats)(1.0f / 720));
    power = multiplyAdd(power, r, (Floats)(1.0f / 120));
    power = multiplyAdd(power, r, (Floats)(1.0f / 24));
    power = multiplyAdd(power, r, (Floats)(1.0f / 6));
    power = multiplyAdd(power, r, (Floats)0.5f);
    power = multiplyAdd(power, r, (Floats)1.0f);
    power = multiplyAdd(power, r, (Floats)1.0f);
    return power * (Floats)(((Words)shifted << 23) + 0x3F800000u);
}

/// e to the power of x; zero and infinity where a normal float32 would not hold the result.
EPAS_INLINE Floats exponential(Floats x) {
    const Floats clamped = larger(-larger(-x, (Floats)(-88.37f)), (Floats)(-87.33f));
    const Floats result = boundedPower(clamped);
    const Floats bounded = select((Words)(x > (Floats)88.37f), (Floats)INFINITY, result);
    return select((Words)(x < (Floats)(-87.33f)), (Floats)0.0f, bounded);
}

/// As ``exponential``, where x is at most about zero; not a number where x is none.
EPAS_INLINE Floats power(Floats x) {
    const Words isSmall = (Words)(x < (Floats)(-87.33f));
    const Floats result = boundedPower(select(isSmall, (Floats)(-87.33f), x));
    return select(isSmall, (Floats)0.0f, result);
}
