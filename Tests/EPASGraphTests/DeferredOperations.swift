import EPASArray
import EPASGraph

/// x times y, whose users' contributions are computed together: the source takes them as pairs.
struct DeferringSource: SingleResultOperation {
    var name: String { "stablehlo.multiply" }
    func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape { operands[0] }
    func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        let terms = dy.deferredContributions.map { $0[0] * $0[1] }
        let sum = terms.dropFirst().reduce(terms[0], +)
        return [sum * operands[1], sum * operands[0]]
    }
}

/// a times b, which defers what a gets.
struct DeferringUser: SingleResultOperation {
    var name: String { "stablehlo.multiply" }
    func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape { operands[0] }
    func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        [operands[0].deferredCotangent(from: [dy, operands[1]]), dy * operands[0]]
    }
}
