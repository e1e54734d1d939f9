package import EPASArray
package import EPASModel

extension ModelConfig {
    /// Bytes that one token takes in a key-value cache: keys and values of computing layers, values
    /// alone of layers that share queries and keys, nothing of layers that share keys and values.
    package func cacheBytesPerToken(plan: SharingPlan, elementType: ElementType) -> Int {
        let kept = plan.kind == .keyValue ? 0 : 1
        let planes = 2 * (layers - plan.sources.count) + kept * plan.sources.count
        return planes * keyValueHeads * headDimension * elementType.byteCount
    }
}
