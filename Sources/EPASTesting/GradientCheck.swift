package import EPASArray
package import EPASGraph
internal import EPASRuntime
package import Testing

/// Compares analytic derivatives with central finite differences in double precision.
package struct GradientCheck {
    /// The step of the differences, relative to the element where that is larger than 1.
    package var step = 1e-5
    /// Differences of fourth-order size `step * step` and rounding of size 1e-16 / `step` remain:
    /// 1e-10 and 1e-11 here, times the function's own magnitude.
    package var tolerance = 1e-7

    package init() {}

    /// Checks the derivative of `function` with respect to each of its float64 inputs.
    ///
    /// The function's results, each weighted with random numbers, are added up to the scalar
    /// that is differentiated. Inputs of other types (indices, masks) are passed along.
    ///
    /// - Parameter function: Builds the results from one parameter per input.
    package func callAsFunction(
        _ inputs: [HostArray], _ comment: String = "",
        sourceLocation: SourceLocation = #_sourceLocation,
        of function: ([Tensor]) -> [Tensor]
    ) throws {
        let graph = Graph()
        let parameters = inputs.enumerated().map {
            graph.parameter("x\($0.offset)", $0.element.shape)
        }
        let loss = Self.weightedSum(function(parameters))
        let differentiated = inputs.indices.filter { inputs[$0].shape.elementType == .float64 }
        let derivatives = gradients(of: loss, withRespectTo: differentiated.map { parameters[$0] })
        let analytic = zip(derivatives, differentiated).map { derivative, index in
            derivative ?? graph.constant(0, inputs[index].shape)
        }
        let program = graph.program(named: "check", returning: [loss] + analytic)
        let executable = try TestClient.shared.compile(program)

        func value(_ inputs: [HostArray]) throws -> Double {
            try executable.run(inputs)[0].doubles()[0]
        }
        let actual = try executable.run(inputs).dropFirst()
        for (actual, index) in zip(actual, differentiated) {
            let center = inputs[index].elements(as: Double.self)
            let expected = try center.indices.map { position in
                let h = step * max(1, abs(center[position]))
                var moved = inputs
                func moving(by offset: Double) throws -> Double {
                    var elements = center
                    elements[position] += offset
                    moved[index] = HostArray(elements, inputs[index].shape.dimensions)
                    return try value(moved)
                }
                return try (moving(by: h) - moving(by: -h)) / (2 * h)
            }
            expectClose(
                actual, HostArray(expected, inputs[index].shape.dimensions), relative: tolerance,
                absolute: tolerance, "\(comment): derivative with respect to input \(index)",
                sourceLocation: sourceLocation)
        }
    }

    private static func weightedSum(_ results: [Tensor]) -> Tensor {
        var random = RandomArrays(seed: 17)
        let terms = results.map { result in
            let weights = result.graph.constant(random.array(result.dimensions, in: 0.5..<1.5))
            return (result * weights).sum(over: Array(result.dimensions.indices))
        }
        return terms.dropFirst().reduce(terms[0], +)
    }
}
