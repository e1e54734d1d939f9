// The fastest that products can be: dot products whose operands and sums stay in registers.

/// Multiplies and adds `steps` times as many vectors as a tile of the product has sums.
///
/// - Returns: The number of floating-point operations.
template <class Element> static int64_t dotProducts(int64_t steps) {
    constexpr int count = tileRows * tileVectors;
    // Not known to the compiler, and different, so that nothing can be computed once for all.
    volatile float numbers[count];
    for (int i = 0; i < count; ++i) numbers[i] = 1 + 0.001f * i;
    Floats sums[count];
    EPAS_UNROLL for (int i = 0; i < count; ++i) sums[i] = (Floats)numbers[i];
    const Words a = (Words)(Floats)numbers[0], b = (Words)(Floats)(1e-6f * numbers[1]);
    for (int64_t step = 0; step < steps; ++step) {
        EPAS_UNROLL for (int i = 0; i < count; ++i) {
            sums[i] = Words32<Element>::added(sums[i], a, b);
        }
    }
    EPAS_UNROLL for (int i = 0; i < count; ++i) numbers[i] = sum(sums[i]);
    return 2 * steps * count * lanes * Words32<Element>::depth;
}
