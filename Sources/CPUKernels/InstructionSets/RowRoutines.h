// Routines that take each row, or each number, for itself.

template <class Given, class Element> static void rmsNorm(
    const Given *x, const float *weight, Element *y, int64_t rows, int64_t width, float epsilon
) {
    for (int64_t row = 0; row < rows; ++row, x += width, y += width) {
        Floats squares = (Floats)0.0f;
        forEachVector(width, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
            const Floats values = loadFirst(x + i, count);
            squares = multiplyAdd(values, values, squares);
        });
        const float scale = static_cast<float>(
            1 / std::sqrt(static_cast<double>(sum(squares)) / width + epsilon));
        forEachVector(width, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
            storeFirst(y + i, loadFirst(x + i, count) * scale * loadFirst(weight + i, count), count);
        });
    }
}

template <class Element> static void rotary(
    const Element *x, const float *cosine, const float *sine, Element *y, int64_t rows,
    int64_t heads, int64_t head
) {
    const int64_t half = head / 2;
    for (int64_t row = 0; row < rows; ++row, cosine += half, sine += half) {
        for (int64_t n = 0; n < heads; ++n, x += head, y += head) {
            for (int64_t i = 0; i < half; i += lanes) {
                const int64_t count = half - i;
                const Floats a = loadFirst(x + i, count);
                const Floats b = loadFirst(x + half + i, count);
                const Floats c = loadFirst(cosine + i, count);
                const Floats s = loadFirst(sine + i, count);
                storeFirst(y + i, a * c - b * s, count);
                storeFirst(y + half + i, b * c + a * s, count);
            }
        }
    }
}

template <class Element>
static void swiGLU(const Element *gate, const Element *up, Element *y, int64_t count) {
    forEachVector(count, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
        const Floats g = loadFirst(gate + i, count);
        const Floats sigmoid = (Floats)1.0f / ((Floats)1.0f + exponential(-g));
        storeFirst(y + i, g * sigmoid * loadFirst(up + i, count), count);
    });
}
