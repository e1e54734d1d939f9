// Routines of the optimizer, which take each number for itself or add up their squares.

typedef double Doubles __attribute__((ext_vector_type(16)));

/// The square of a float32 number is a float64 number, and a sum of them hardly ever needs rounding
/// that a float32 result would show: the bits do not depend on the instruction set.
template <class Element> static double sumOfSquares(const Element *numbers, int64_t count) {
    Doubles squares = (Doubles)0.0;
    for (int64_t i = 0; i < count; i += lanes) {
        const Doubles values =
            __builtin_convertvector(loadFirst(numbers + i, count - i), Doubles);
        squares += values * values;
    }
    const auto eight = squares.lo + squares.hi;
    const auto four = eight.lo + eight.hi;
    const auto two = four.lo + four.hi;
    return two.x + two.y;
}

/// One step of AdamW (Loshchilov & Hutter, 2019), in the order of the plain form.
template <class Moment, class Gradient>
static void adamW(const AdamWRates &rates, const AdamWPiece &piece) {
    Moment *firsts = static_cast<Moment *>(piece.first);
    Moment *seconds = static_cast<Moment *>(piece.second);
    const Gradient *gradients = static_cast<const Gradient *>(piece.gradient);
    const bool decays = piece.decay != 0;
    for (int64_t i = 0; i < piece.count; i += lanes) {
        const int64_t count = piece.count - i;
        const Floats gradient = loadFirst(gradients + i, count) * rates.scale;
        const Floats first = multiplyAdd(
            loadFirst(firsts + i, count), (Floats)rates.beta1, gradient * rates.rest1);
        const Floats second = multiplyAdd(
            loadFirst(seconds + i, count), (Floats)rates.beta2,
            gradient * gradient * rates.rest2);
        const Floats root = __builtin_elementwise_sqrt(second * rates.correction2);
        Floats direction = first * rates.correction1 / (root + rates.epsilon);
        const Floats parameter = loadFirst(piece.parameter + i, count);
        if (decays) direction = multiplyAdd(parameter, (Floats)piece.decay, direction);
        storeFirst(
            piece.parameter + i,
            multiplyAdd((Floats)(-rates.learningRate), direction, parameter), count);
        storeFirst(firsts + i, first, count);
        storeFirst(seconds + i, second, count);
    }
}

static double sumOfSquares(const void *numbers, bool isFloat, int64_t count) {
    return isFloat ? sumOfSquares(static_cast<const float *>(numbers), count)
                   : sumOfSquares(static_cast<const BFloat16 *>(numbers), count);
}

static void adamW(const AdamWRates &rates, const AdamWPiece &piece) {
    if (piece.momentsAreFloat) {
        piece.gradientIsFloat ? adamW<float, float>(rates, piece)
                              : adamW<float, BFloat16>(rates, piece);
    } else {
        piece.gradientIsFloat ? adamW<BFloat16, float>(rates, piece)
                              : adamW<BFloat16, BFloat16>(rates, piece);
    }
}

constexpr OptimizerRoutines optimizer = {sumOfSquares, adamW};
