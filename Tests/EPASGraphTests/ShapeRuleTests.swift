import EPASArray
import EPASGraph
import Testing

/// Shape rules are pure functions: no device is needed to test them.
@Suite struct ShapeRuleTests {
    struct Valid: CustomTestStringConvertible, Sendable {
        let operation: any Operation
        let operands: [Shape]
        let result: Shape
        var testDescription: String { "\(operation.name) \(operands) -> \(result)" }

        init(_ operation: any Operation, _ operands: [Shape], _ result: Shape) {
            self.operation = operation
            self.operands = operands
            self.result = result
        }
    }

    struct Invalid: CustomTestStringConvertible, Sendable {
        let operation: any Operation
        let operands: [Shape]
        let message: String
        var testDescription: String { "\(operation.name) \(operands)" }

        init(_ operation: any Operation, _ operands: [Shape], _ message: String) {
            self.operation = operation
            self.operands = operands
            self.message = message
        }
    }

    static func f(_ dimensions: Int...) -> Shape { Shape(.float32, dimensions) }
    static func i(_ dimensions: Int...) -> Shape { Shape(.int32, dimensions) }
    static func b(_ dimensions: Int...) -> Shape { Shape(.bool, dimensions) }
    static func h(_ dimensions: Int...) -> Shape { Shape(.bfloat16, dimensions) }

    static let valid: [Valid] = [
        Valid(Unary.exponential, [f(2, 3)], f(2, 3)),
        Valid(Unary.negate, [Shape(.uint8, [2])], Shape(.uint8, [2])),
        Valid(Unary.absolute, [i(2)], i(2)),
        Valid(Convert(to: .bfloat16), [b(2)], h(2)),
        Valid(IsFinite(), [h(2)], b(2)),
        Valid(Binary.add, [f(), f()], f()),
        Valid(Binary.maximum, [i(0, 2), i(0, 2)], i(0, 2)),
        Valid(Logical.and, [b(2), b(2)], b(2)),
        Valid(Logical.xor, [i(2), i(2)], i(2)),
        Valid(Not(), [b(2)], b(2)),
        Valid(Compare(.less, of: .float32), [f(2), f(2)], b(2)),
        Valid(Select(), [b(2), f(2), f(2)], f(2)),
        Valid(Select(), [b(), f(2), f(2)], f(2)),
        Valid(Iota(shape: i(2, 3), axis: 1), [], i(2, 3)),
        Valid(Transpose([1, 2, 0]), [f(2, 3, 4)], f(3, 4, 2)),
        Valid(Transpose([]), [f()], f()),
        Valid(Reshape([3, 2]), [f(6)], f(3, 2)),
        Valid(Reshape([]), [f(1, 1)], f()),
        Valid(Reshape([0, 5]), [f(0)], f(0, 5)),
        Valid(Broadcast(to: [2, 3], along: [1]), [f(3)], f(2, 3)),
        Valid(Broadcast(to: [2, 3], along: [1, 0]), [f(1, 2)], f(2, 3)),
        Valid(Reduce(.add, over: [0, 2]), [f(2, 3, 4), f()], f(3)),
        Valid(Reduce(.or, over: [0]), [b(2), b()], b()),
        Valid(Dot(contracting: ([1], [0])), [f(2, 3), f(3, 4)], f(2, 4)),
        Valid(
            Dot(contracting: ([3], [3]), batching: ([0, 2], [0, 2])),
            [f(2, 3, 4, 5), f(2, 7, 4, 5)],
            f(2, 4, 3, 7)),
        Valid(
            Dot(contracting: ([1], [1]), accumulating: .float32), [h(2, 3), h(4, 3)], f(2, 4)),
        Valid(
            Slice(starts: [0, 1], limits: [5, 3], strides: [2, 1]), [f(5, 3)], f(3, 2)),
        Valid(Slice(starts: [2], limits: [2], strides: [1]), [f(2)], f(0)),
        Valid(Pad(low: [1], high: [2], interior: [3]), [f(4), f()], f(16)),
        Valid(Pad(low: [1], high: [-1], interior: [3]), [f(0), f()], f(0)),
        Valid(Concatenate(along: 1), [f(2, 3), f(2, 0), f(2, 1)], f(2, 4)),
        Valid(DynamicSlice(sizes: [1, 3]), [f(2, 3), i(), i()], f(1, 3)),
        Valid(DynamicUpdateSlice(), [f(2, 3), f(1, 3), i(), i()], f(2, 3)),
        Valid(GatherRows(table: f(9, 4), indices: i(2, 3)), [f(9, 4), i(2, 3)], f(2, 3, 4)),
        Valid(GatherRows(table: f(9), indices: i()), [f(9), i()], f()),
        Valid(
            ScatterRows(table: f(9, 4), indices: i(2)), [f(9, 4), i(2), f(2, 4)], f(9, 4)),
        Valid(Barrier(), [f(2)], f(2)),
    ]

    static let invalid: [Invalid] = [
        Invalid(
            Unary.exponential, [i(2)],
            "stablehlo.exponential requires a floating-point operand; got tensor<2xi32>"),
        Invalid(
            Unary.negate, [b()], "stablehlo.negate requires a numeric operand; got tensor<i1>"),
        Invalid(
            Unary.absolute, [Shape(.uint32, [])],
            "stablehlo.abs requires a signed operand; got tensor<ui32>"),
        Invalid(
            IsFinite(), [i()],
            "stablehlo.is_finite requires a floating-point operand; got tensor<i32>"),
        Invalid(
            Binary.add, [f(2), f(3)],
            "stablehlo.add requires operands of equal shape; got tensor<2xf32>, tensor<3xf32>"),
        Invalid(
            Binary.multiply, [f(2), h(2)],
            "stablehlo.multiply requires operands of equal shape; "
                + "got tensor<2xf32>, tensor<2xbf16>"),
        Invalid(
            Binary.add, [b(2), b(2)],
            "stablehlo.add requires numeric operands; got tensor<2xi1>, tensor<2xi1>"),
        Invalid(
            Logical.or, [b(2), b()],
            "stablehlo.or requires operands of equal shape; got tensor<2xi1>, tensor<i1>"),
        Invalid(
            Logical.and, [f(2), f(2)],
            "stablehlo.and requires operands of a boolean or integer type; "
                + "got tensor<2xf32>, tensor<2xf32>"),
        Invalid(
            Not(), [f(2)],
            "stablehlo.not requires an operand of a boolean or integer type; got tensor<2xf32>"),
        Invalid(
            Compare(.equal, of: .float32), [f(2), i(2)],
            "stablehlo.compare requires operands of equal shape and of type float32; "
                + "got tensor<2xf32>, tensor<2xi32>"),
        Invalid(
            Select(), [b(2), f(2), f(3)],
            "stablehlo.select requires alternatives of equal shape; "
                + "got tensor<2xi1>, tensor<2xf32>, tensor<3xf32>"),
        Invalid(
            Select(), [b(3), f(2), f(2)],
            "stablehlo.select requires a boolean mask, scalar or of the alternatives' dimensions; "
                + "got tensor<3xi1>, tensor<2xf32>, tensor<2xf32>"),
        Invalid(
            Iota(shape: i(2), axis: 1), [],
            "stablehlo.iota requires a numeric shape that has axis 1; got tensor<2xi32>"),
        Invalid(
            Transpose([0, 0]), [f(2, 3)],
            "stablehlo.transpose requires permutation [0, 0] to name each of the 2 dimensions "
                + "once; got tensor<2x3xf32>"),
        Invalid(
            Reshape([4]), [f(2, 3)],
            "stablehlo.reshape requires dimensions [4] to hold 6 elements; got tensor<2x3xf32>"),
        Invalid(
            Reshape([-2, -3]), [f(2, 3)],
            "stablehlo.reshape requires dimensions [-2, -3] to hold 6 elements; "
                + "got tensor<2x3xf32>"),
        Invalid(
            Broadcast(to: [2, 3], along: [2]), [f(3)],
            "stablehlo.broadcast_in_dim requires axes [2] to name one dimension of [2, 3] for "
                + "each of the operand's; got tensor<3xf32>"),
        Invalid(
            Broadcast(to: [2, 3], along: [0, 0]), [f(2, 2)],
            "stablehlo.broadcast_in_dim requires axes [0, 0] to name one dimension of [2, 3] for "
                + "each of the operand's; got tensor<2x2xf32>"),
        Invalid(
            Broadcast(to: [2, 3], along: [0]), [f(3)],
            "stablehlo.broadcast_in_dim requires sizes of 1 or those of dimensions [0] of [2, 3]; "
                + "got tensor<3xf32>"),
        Invalid(
            Reduce(.add, over: [1]), [f(2), f()],
            "stablehlo.reduce requires axes [1] to be different dimensions of the operand; "
                + "got tensor<2xf32>, tensor<f32>"),
        Invalid(
            Reduce(.add, over: [0]), [f(2), h()],
            "stablehlo.reduce requires a scalar start value of the operand's element type; "
                + "got tensor<2xf32>, tensor<bf16>"),
        Invalid(
            Reduce(.and, over: [0]), [f(2), f()],
            "stablehlo.reduce requires a type that stablehlo.and takes; "
                + "got tensor<2xf32>, tensor<f32>"),
        Invalid(
            Dot(contracting: ([1], [0])), [f(2, 3), f(4, 5)],
            "stablehlo.dot_general requires equal sizes in dimension 1 of the left and 0 of the "
                + "right operand; got tensor<2x3xf32>, tensor<4x5xf32>"),
        Invalid(
            Dot(contracting: ([1], [])), [f(2, 3), f(3, 5)],
            "stablehlo.dot_general requires as many dimensions on the left as on the right; "
                + "got tensor<2x3xf32>, tensor<3x5xf32>"),
        Invalid(
            Dot(contracting: ([1], [0]), batching: ([1], [1])), [f(2, 3), f(3, 3)],
            "stablehlo.dot_general requires dimensions [1, 1] and [1, 0] to be different ones of "
                + "the operands; got tensor<2x3xf32>, tensor<3x3xf32>"),
        Invalid(
            Dot(contracting: ([1], [0])), [f(2, 3), h(3, 5)],
            "stablehlo.dot_general requires operands of one numeric element type; "
                + "got tensor<2x3xf32>, tensor<3x5xbf16>"),
        Invalid(
            Dot(contracting: ([0], [0]), accumulating: .bfloat16), [f(2), f(2)],
            "stablehlo.dot_general requires a result type at least as wide, not bfloat16; "
                + "got tensor<2xf32>, tensor<2xf32>"),
        Invalid(
            Slice(starts: [0], limits: [3], strides: [1]), [f(2)],
            "stablehlo.slice requires starts [0] and limits [3] within the operand and positive "
                + "strides [1], one for each dimension; got tensor<2xf32>"),
        Invalid(
            Slice(starts: [0], limits: [2], strides: [0]), [f(2)],
            "stablehlo.slice requires starts [0] and limits [2] within the operand and positive "
                + "strides [0], one for each dimension; got tensor<2xf32>"),
        Invalid(
            Pad(low: [0], high: [0], interior: [-1]), [f(2), f()],
            "stablehlo.pad requires edges [0], [0] and nonnegative interior [-1] for each "
                + "dimension; got tensor<2xf32>, tensor<f32>"),
        Invalid(
            Pad(low: [-2], high: [-1], interior: [0]), [f(2), f()],
            "stablehlo.pad requires edges [-2], [-1] that cut off no more than there is; "
                + "got tensor<2xf32>, tensor<f32>"),
        Invalid(
            Pad(low: [0], high: [0], interior: [0]), [f(2), f(1)],
            "stablehlo.pad requires a scalar padding value of the operand's element type; "
                + "got tensor<2xf32>, tensor<1xf32>"),
        Invalid(
            Concatenate(along: 0), [f(2, 3), f(2, 4)],
            "stablehlo.concatenate requires operands that are equal but for the size of axis 0; "
                + "got tensor<2x3xf32>, tensor<2x4xf32>"),
        Invalid(
            Concatenate(along: 2), [f(2, 3)],
            "stablehlo.concatenate requires operands that have axis 2; got tensor<2x3xf32>"),
        Invalid(
            Concatenate(along: 0), [],
            "stablehlo.concatenate requires operands that have axis 0; got no operands"),
        Invalid(
            DynamicSlice(sizes: [3]), [f(2), i()],
            "stablehlo.dynamic_slice requires sizes [3] within the operand, one for each "
                + "dimension; got tensor<2xf32>, tensor<i32>"),
        Invalid(
            DynamicSlice(sizes: [1]), [f(2), f()],
            "stablehlo.dynamic_slice requires one integer scalar start for each dimension; "
                + "got tensor<2xf32>, tensor<f32>"),
        Invalid(
            DynamicUpdateSlice(), [f(2), f(3), i()],
            "stablehlo.dynamic_update_slice requires an update of the operand's type and rank "
                + "that fits into it; got tensor<2xf32>, tensor<3xf32>, tensor<i32>"),
        Invalid(
            DynamicUpdateSlice(), [f(2), f(1)],
            "stablehlo.dynamic_update_slice requires one integer scalar start for each "
                + "dimension; got tensor<2xf32>, tensor<1xf32>"),
        Invalid(
            GatherRows(table: f(), indices: i()), [f(), i()],
            "stablehlo.gather requires a table of at least one row; got tensor<f32>, tensor<i32>"),
        Invalid(
            GatherRows(table: f(2), indices: f(1)), [f(2), f(1)],
            "stablehlo.gather requires indices of an integer type; "
                + "got tensor<2xf32>, tensor<1xf32>"),
        Invalid(
            ScatterRows(table: f(2, 3), indices: i(4)), [f(2, 3), i(4), f(4, 2)],
            "stablehlo.scatter requires updates of shape tensor<4x3xf32>; "
                + "got tensor<2x3xf32>, tensor<4xi32>, tensor<4x2xf32>"),
        Invalid(
            ScatterRows(table: f(2), indices: b(4)), [f(2), b(4), f(4)],
            "stablehlo.scatter requires numeric rows and indices of an integer type; "
                + "got tensor<2xf32>, tensor<4xi1>, tensor<4xf32>"),
        Invalid(
            Barrier(), [],
            "stablehlo.optimization_barrier requires at least one operand; got no operands"),
    ]

    @Test(arguments: valid)
    func infersTheResult(_ example: Valid) throws {
        #expect(try example.operation.resultShapes(example.operands) == [example.result])
    }

    @Test(arguments: invalid)
    func refuses(_ example: Invalid) {
        let error = #expect(throws: ShapeError.self) {
            try example.operation.resultShapes(example.operands)
        }
        #expect(error?.description == example.message)
    }
}
