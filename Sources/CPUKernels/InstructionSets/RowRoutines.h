// Routines that take each row, or each number, for itself.

template <class Element> static void rmsNorm(
    const Element *x, const float *weight, Element *y, int64_t rows, int64_t width, float epsilon
) {
    const int64_t whole = width / lanes * lanes;
    for (int64_t row = 0; row < rows; ++row, x += width, y += width) {
        Floats squares = (Floats)0.0f;
        for (int64_t i = 0; i < whole; i += lanes) {
            const Floats values = load(x + i);
            squares = multiplyAdd(values, values, squares);
        }
        if (whole < width) {
            const Floats values = loadFirst(x + whole, width - whole);
            squares = multiplyAdd(values, values, squares);
        }
        const float scale = 1 / std::sqrt(sum(squares) / static_cast<float>(width) + epsilon);
        for (int64_t i = 0; i < width; i += lanes) {
            const Floats values = loadFirst(x + i, width - i);
            storeFirst(y + i, values * scale * loadFirst(weight + i, width - i), width - i);
        }
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
    for (int64_t i = 0; i < count; i += lanes) {
        const Floats g = loadFirst(gate + i, count - i);
        const Floats sigmoid = (Floats)1.0f / ((Floats)1.0f + exponential(-g));
        storeFirst(y + i, g * sigmoid * loadFirst(up + i, count - i), count - i);
    }
}
