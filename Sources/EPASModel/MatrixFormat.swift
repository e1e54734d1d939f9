package import EPASArray

/// How the matrices of a model lie on the device. Norms and biases are float32 in every format.
package enum MatrixFormat: Hashable, Sendable {
    /// As floating-point numbers.
    case floats(ElementType)
    /// As 8-bit integers with scales, see ``QuantizedMatrix``. The embedding table, of which a token
    /// reads one row, is floating-point; where the head has the same weights it has a copy of them.
    case integers(embedding: ElementType)

    /// The type of the matrices' numbers, for results.
    package var name: String {
        switch self {
        case .floats(let type): type.rawValue
        case .integers: ElementType.int8.rawValue
        }
    }
}

/// A parameter as programs take it.
package struct StoredParameter: Hashable, Sendable {
    /// Where its values are.
    package let specification: ParameterSpecification
    /// The name in programs.
    package let name: String
    /// The type; with `int8`, its scales are an argument behind it.
    package let elementType: ElementType

    /// The shapes of its arguments.
    package var shapes: [Shape] {
        let shape = specification.shape(elementType)
        guard elementType == .int8 else { return [shape] }
        let (rows, columns) = (shape.dimensions[0], shape.dimensions[1])
        return [
            shape, Shape(.float32, [rows, QuantizedMatrix.scaleCount(columns: columns)]),
        ]
    }

    /// The values of its arguments.
    ///
    /// - Parameter values: The parameter's, in a floating-point type.
    /// - Throws: ``QuantizationError`` for values that integers cannot stand for.
    package func arguments(_ values: HostArray) throws(QuantizationError) -> [HostArray] {
        guard elementType == .int8 else { return [values.converted(to: elementType)] }
        let matrix = try QuantizedMatrix(values)
        return [matrix.integers, matrix.scales]
    }
}

extension ModelConfig {
    /// The parameters in the order in which programs take them.
    package func storedParameters(_ matrices: MatrixFormat) -> [StoredParameter] {
        let embedding = parameters[0]
        var all = parameters.map { parameter in
            let type =
                switch matrices {
                case .floats(let type): type
                case .integers(let type): parameter == embedding ? type : .int8
                }
            return StoredParameter(
                specification: parameter, name: parameter.name,
                elementType: parameter.shape(matricesAs: type).elementType)
        }
        if tiedEmbeddings, case .integers = matrices {
            all.append(
                StoredParameter(
                    specification: embedding, name: "lm_head.weight", elementType: .int8))
        }
        return all
    }
}
