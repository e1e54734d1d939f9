// Routines of training that take each row for itself: see TrainingRows.h.

template <class Element> static void addRMSNorm(
    const float *x, const Element *a, const float *weight, float *total, Element *y, int64_t rows,
    int64_t width, float epsilon
) {
    for (int64_t row = 0; row < rows; ++row) {
        forEachVector(width, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
            storeFirst(total + i, loadFirst(x + i, count) + loadFirst(a + i, count), count);
        });
        rmsNorm(total, weight, y, 1, width, epsilon);
        x += width;
        a += width;
        total += width;
        y += width;
    }
}

/// The sum of `known` terms, or of as many as there are where that is 0, in their order.
template <int64_t known, class Element>
EPAS_INLINE Floats loadSum(const Terms<Element> &all, int64_t place, int64_t count) {
    const int64_t terms = known > 0 ? known : all.count;
    Floats values = loadFirst(all.terms[0] + place, count);
    for (int64_t i = 1; i < terms; ++i) values += loadFirst(all.terms[i] + place, count);
    return values;
}

/// With r = 1 / √(mean(x²) + ε) and g = dy ∘ w: dx = r g - x r³ mean(g ∘ x), dw = Σ dy ∘ x r.
///
/// The numbers of terms are the call's, or 0 where the compiler does not know them.
template <int64_t results, int64_t passed, class Element> EPAS_INLINE void rmsNormGradientRow(
    const RMSNormGradientCall<Element> &call, int64_t start, float *weightGradient
) {
    constexpr bool rounds = !std::is_same_v<Element, float>;
    const float *xs = call.x + start;
    const float *weight = call.weight;
    Floats squares = (Floats)0.0f, products = (Floats)0.0f;
    forEachVector(call.width, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
        const Floats x = loadFirst(xs + i, count);
        const Floats dy = loadSum<results>(call.results, start + i, count);
        squares = multiplyAdd(x, x, squares);
        products = multiplyAdd(dy * loadFirst(weight + i, count), x, products);
    });
    const float size = static_cast<float>(call.width);
    const float scale =
        static_cast<float>(1 / std::sqrt(static_cast<double>(sum(squares)) / size + call.epsilon));
    const float slope = -scale * scale * (scale * (sum(products) / size));
    forEachVector(call.width, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
        const Floats x = loadFirst(xs + i, count);
        const Floats dy = loadSum<results>(call.results, start + i, count) * scale;
        float *dw = weightGradient + i;
        storeFirst(dw, multiplyAdd(dy, x, loadFirst(dw, count)), count);
        Floats dx = multiplyAdd(dy, loadFirst(weight + i, count), x * slope);
        if (passed > 0 || call.passed.count > 0) {
            dx += loadSum<passed>(call.passed, start + i, count);
        }
        storeFirst(call.gradient + start + i, dx, count);
        if (rounds) storeFirst(call.rounded + start + i, dx, count);
    });
}

template <class Element> static void rmsNormGradient(
    const RMSNormGradientCall<Element> &call, int64_t firstRow, int64_t lastRow,
    float *weightGradient
) {
    const int64_t results = call.passed.count == 1 ? call.results.count : 0;
    for (int64_t row = firstRow; row < lastRow; ++row) {
        const int64_t start = row * call.width;
        switch (results) {
        // A layer's norms have as many.
        case 1: rmsNormGradientRow<1, 1>(call, start, weightGradient); break;
        case 2: rmsNormGradientRow<2, 1>(call, start, weightGradient); break;
        case 3: rmsNormGradientRow<3, 1>(call, start, weightGradient); break;
        default: rmsNormGradientRow<0, 0>(call, start, weightGradient);
        }
    }
}

/// With s = sigmoid(gate): dup = dy ∘ gate s, dgate = dy ∘ up s (1 + gate (1 - s)).
template <class Element> static void swiGLUGradient(
    const Element *gate, const Element *up, const Element *cotangent, Element *gateGradient,
    Element *upGradient, int64_t size
) {
    forEachVector(size, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
        const Floats g = loadFirst(gate + i, count);
        const Floats dy = loadFirst(cotangent + i, count);
        const Floats sigmoid = (Floats)1.0f / ((Floats)1.0f + exponential(-g));
        const Floats silu = g * sigmoid;
        const Floats slope = multiplyAdd(silu, (Floats)1.0f - sigmoid, sigmoid);
        storeFirst(upGradient + i, dy * silu, count);
        storeFirst(gateGradient + i, dy * loadFirst(up + i, count) * slope, count);
    });
}

template <class Element> static void addTerms(
    const Terms<Element> &terms, int64_t first, float *total, int64_t size
) {
    forEachVector(size, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
        const Floats values = loadSum<0>(terms, first + i, count);
        storeFirst(total + i, loadFirst(total + i, count) + values, count);
    });
}

template <class Element>
static void toFloats(const Element *from, float *to, int64_t size) {
    forEachVector(size, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
        storeFirst(to + i, loadFirst(from + i, count), count);
    });
}

template <class Element>
static void roundFloats(const float *from, float *to, int64_t size) {
    forEachVector(size, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
        Element buffer[lanes];
        store(buffer, loadFirst(from + i, count));
        storeFirst(to + i, load(buffer), count);
    });
}

template <class Element> constexpr TrainingRowRoutines<Element> trainingRows() {
    return {
        rmsNorm<float, Element>, addRMSNorm<Element>, rmsNormGradient<Element>,
        swiGLUGradient<Element>, addTerms<Element>, toFloats<Element>,
        roundFloats<Element>,
    };
}
