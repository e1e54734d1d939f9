// Routines of training that take each row for itself: see TrainingRows.h.

template <class Element> static void addRMSNorm(
    const Element *x, const Element *a, const float *weight, Element *total, Element *y,
    int64_t rows, int64_t width, float epsilon
) {
    for (int64_t row = 0; row < rows; ++row) {
        for (int64_t i = 0; i < width; i += lanes) {
            const int64_t count = width - i;
            storeFirst(total + i, loadFirst(x + i, count) + loadFirst(a + i, count), count);
        }
        // Of the sum as it is stored, which the derivative is computed from.
        rmsNorm(total, weight, y, 1, width, epsilon);
        x += width;
        a += width;
        total += width;
        y += width;
    }
}

/// The terms' sum, in their order.
template <class Element>
EPAS_INLINE Floats loadSum(const Terms<Element> &all, int64_t place, int64_t count) {
    Floats values = loadFirst(all.terms[0] + place, count);
    for (int64_t i = 1; i < all.count; ++i) values += loadFirst(all.terms[i] + place, count);
    return values;
}

/// With r = 1 / √(mean(x²) + ε) and g = dy ∘ w: dx = r g - x r³ mean(g ∘ x), dw = Σ dy ∘ x r.
template <class Element> static void rmsNormGradient(
    const RMSNormGradientCall<Element> &call, int64_t firstRow, int64_t lastRow,
    float *weightGradient
) {
    const int64_t width = call.width;
    for (int64_t row = firstRow; row < lastRow; ++row) {
        const int64_t start = row * width;
        Floats squares = (Floats)0.0f, products = (Floats)0.0f;
        for (int64_t i = 0; i < width; i += lanes) {
            const int64_t count = width - i;
            const Floats x = loadFirst(call.x + start + i, count);
            const Floats dy = loadSum(call.results, start + i, count);
            squares = multiplyAdd(x, x, squares);
            products = multiplyAdd(dy * loadFirst(call.weight + i, count), x, products);
        }
        const float size = static_cast<float>(width);
        const float scale = 1 / std::sqrt(sum(squares) / size + call.epsilon);
        const float slope = -scale * scale * (scale * (sum(products) / size));
        for (int64_t i = 0; i < width; i += lanes) {
            const int64_t count = width - i;
            const Floats x = loadFirst(call.x + start + i, count);
            const Floats dy = loadSum(call.results, start + i, count) * scale;
            storeFirst(
                weightGradient + i, multiplyAdd(dy, x, loadFirst(weightGradient + i, count)),
                count);
            Floats dx = multiplyAdd(dy, loadFirst(call.weight + i, count), x * slope);
            if (call.passed.count > 0) dx += loadSum(call.passed, start + i, count);
            storeFirst(call.gradient + start + i, dx, count);
        }
    }
}

/// With s = sigmoid(gate): dup = dy ∘ gate s, dgate = dy ∘ up s (1 + gate (1 - s)).
template <class Element> static void swiGLUGradient(
    const Element *gate, const Element *up, const Element *cotangent, Element *gateGradient,
    Element *upGradient, int64_t size
) {
    for (int64_t i = 0; i < size; i += lanes) {
        const int64_t count = size - i;
        const Floats g = loadFirst(gate + i, count);
        const Floats dy = loadFirst(cotangent + i, count);
        const Floats sigmoid = (Floats)1.0f / ((Floats)1.0f + exponential(-g));
        const Floats silu = g * sigmoid;
        const Floats slope = multiplyAdd(silu, (Floats)1.0f - sigmoid, sigmoid);
        storeFirst(upGradient + i, dy * silu, count);
        storeFirst(gateGradient + i, dy * loadFirst(up + i, count) * slope, count);
    }
}

template <class Element> static void addTerms(
    const Terms<Element> &terms, int64_t first, float *total, int64_t size
) {
    for (int64_t i = 0; i < size; i += lanes) {
        const int64_t count = size - i;
        storeFirst(
            total + i, loadFirst(total + i, count) + loadSum(terms, first + i, count), count);
    }
}

template <class Element>
static void fromFloats(const float *from, Element *to, int64_t count) {
    for (int64_t i = 0; i < count; i += lanes) {
        storeFirst(to + i, loadFirst(from + i, count - i), count - i);
    }
}

template <class Element> constexpr TrainingRowRoutines<Element> trainingRows() {
    return {
        addRMSNorm<Element>, rmsNormGradient<Element>, swiGLUGradient<Element>, addTerms<Element>,
        fromFloats<Element>,
    };
}
