// The loss of a row of logits and its derivative.

/// log Σ exp(logits) - logits[target], and softmax(logits) less one at the target; a target that is
/// no class adds nothing to either. All are NaN where a logit is, or is infinitely large.
///
/// - Parameters:
///   - logits: `classes` numbers, which are overwritten, with memory up to `padded`, a multiple of
///     sixteen.
template <class Element>
static void crossEntropy(
    float *logits, int64_t padded, int64_t classes, int64_t target, float *loss, Element *gradient
) {
    for (int64_t i = classes; i < padded; ++i) logits[i] = -INFINITY;
    Floats most = (Floats)(-INFINITY);
    Words isNaN = (Words)0u;
    for (int64_t i = 0; i < padded; i += lanes) {
        const Floats values = load(logits + i);
        most = larger(most, values);
        isNaN |= (Words)(values != values);
    }
    const float maximum = largest(most);
    bool isFinite = std::isfinite(maximum);
    for (int i = 0; i < lanes; ++i) isFinite = isFinite && isNaN[i] == 0;
    if (!isFinite) {
        *loss = NAN;
        for (int64_t i = 0; i < classes; i += lanes) {
            storeFirst(gradient + i, (Floats)NAN, classes - i);
        }
        return;
    }
    const bool isClass = target >= 0 && target < classes;
    const float chosen = isClass ? logits[target] - maximum : 0;
    Floats powers = (Floats)0.0f;
    for (int64_t i = 0; i < padded; i += lanes) {
        const Floats power = exponential(load(logits + i) - maximum);
        store(logits + i, power);
        powers += power;
    }
    const float total = sum(powers);
    *loss = std::log(total) - chosen;
    const float scale = 1 / total;
    for (int64_t i = 0; i < classes; i += lanes) {
        Floats values = load(logits + i) * scale;
        if (isClass && target >= i && target < i + lanes) values[target - i] -= 1;
        storeFirst(gradient + i, values, classes - i);
    }
}
