package import EPASArray
package import Testing

/// How far an array is from the expected one.
///
/// Elements are close where `|actual - expected| <= absolute + relative * |expected|`. Equal
/// infinities are close; a NaN is close to nothing.
package struct Closeness: Sendable, CustomStringConvertible {
    /// Whether the shapes are equal and all elements close.
    package let isClose: Bool
    /// What to print: the largest differences, and where they are.
    package let description: String

    package init(_ actual: HostArray, _ expected: HostArray, relative: Double, absolute: Double) {
        guard actual.shape == expected.shape else {
            isClose = false
            description = "shape is \(actual.shape), expected \(expected.shape)"
            return
        }
        var far = 0
        var largest = (absolute: Largest(), relative: Largest())
        for (index, pair) in zip(actual.doubles(), expected.doubles()).enumerated() {
            let difference = pair.0 == pair.1 ? 0 : abs(pair.0 - pair.1)
            largest.absolute.take(difference, index, pair)
            largest.relative.take(difference == 0 ? 0 : difference / abs(pair.1), index, pair)
            let isFar = !difference.isFinite || difference > absolute + relative * abs(pair.1)
            if isFar { far += 1 }
        }
        isClose = far == 0
        description = """
            \(far) of \(actual.shape.elementCount) elements of \(actual.shape) differ by more than \
            \(absolute) + \(relative) * |expected|; \
            largest absolute difference \(largest.absolute.text(in: actual.shape)), \
            largest relative difference \(largest.relative.text(in: actual.shape))
            """
    }

    /// The largest of the differences seen; a NaN is larger than all.
    private struct Largest {
        var difference = 0.0
        var index = 0
        var pair = (0.0, 0.0)

        mutating func take(_ difference: Double, _ index: Int, _ pair: (Double, Double)) {
            guard !self.difference.isNaN, difference.isNaN || difference > self.difference else {
                return
            }
            (self.difference, self.index, self.pair) = (difference, index, pair)
        }

        func text(in shape: Shape) -> String {
            if difference == 0 { return "0" }
            var rest = index
            let position = shape.dimensions.reversed().map { size in
                defer { rest /= size }
                return rest % size
            }
            return "\(difference) at \(Array(position.reversed())) (\(pair.0), expected \(pair.1))"
        }
    }
}

/// Records an issue unless the arrays have equal shapes and close elements; see ``Closeness``.
package func expectClose(
    _ actual: HostArray, _ expected: HostArray, relative: Double = 0, absolute: Double = 0,
    _ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
    let closeness = Closeness(actual, expected, relative: relative, absolute: absolute)
    guard !closeness.isClose else { return }
    let prefix = comment.isEmpty ? "" : "\(comment): "
    Issue.record("\(prefix)\(closeness)", sourceLocation: sourceLocation)
}
