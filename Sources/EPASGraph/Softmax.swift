import EPASArray

/// exp(x) divided by its sum along one axis.
///
/// The largest element is subtracted first, so that nothing overflows. It is held constant in the
/// derivative, which it does not change.
package func softmax(_ x: Tensor, over axis: Int) -> Tensor {
    let kept = x.dimensions.indices.filter { $0 != axis }
    let largest = x.max(over: [axis]).stopGradient()
    let exponentials = exp(x - largest.broadcast(to: x.dimensions, along: kept))
    let sum = exponentials.sum(over: [axis])
    return exponentials / sum.broadcast(to: x.dimensions, along: kept)
}
