import EPASArray
import EPASGraph
import EPASTesting
import Testing

@Suite struct TermsTests {
    @Test func `a sum's terms are what was added, under its dimensions`() throws {
        let graph = Graph()
        let all = (0..<4).map { graph.parameter("x\($0)", Shape(.float32, [2, 3])) }
        let sum = ((all[0] + all[1]).reshaped([6]) + all[2].reshaped([6])).reshaped([3, 2])
        let terms = sum.terms(atMost: 3)
        #expect(terms.map(\.dimensions) == [[3, 2], [3, 2], [3, 2]])
        let inputs = (0..<4).map { i in
            HostArray((0..<6).map { Float(10 * i + $0) }, [2, 3])
        }
        let values = try evaluate(terms, inputs)
        #expect(values.map { $0.doubles() } == inputs.prefix(3).map { $0.doubles() })
    }

    @Test func `a sum of too many terms is its own only one`() {
        let graph = Graph()
        let all = (0..<4).map { graph.parameter("x\($0)", .scalar(.float32)) }
        let sum = (all[0] + all[1]) + (all[2] + all[3])
        #expect(sum.terms(atMost: 4).map(\.id) == all.map(\.id))
        #expect(sum.terms(atMost: 3).map(\.id) == [sum.id])
        #expect(sum.terms(atMost: 1).map(\.id) == [sum.id])
    }

    @Test func `a tensor that is added to itself many times is not followed`() {
        let graph = Graph()
        var sum = graph.parameter("x", .scalar(.float32))
        for _ in 0..<100 { sum = sum + sum }
        #expect(sum.terms(atMost: 8).map(\.id) == [sum.id])
    }

    @Test func `what is no sum is its own only term`() {
        let graph = Graph()
        let x = graph.parameter("x", .scalar(.float32))
        for tensor in [x, x * x, -x, (x - x).reshaped([1])] {
            #expect(tensor.terms(atMost: 8).map(\.id) == [tensor.id])
        }
    }
}
