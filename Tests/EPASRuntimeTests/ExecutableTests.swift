import BasicContainers
import EPASArray
import EPASRuntime
import Testing

struct ExecutableTests {
    static let add = """
        module @add {
          func.func public @main(%a: tensor<2xf32>, %b: tensor<2xf32>)
              -> (tensor<2xf32>, tensor<2xf32>) {
            %0 = stablehlo.add %a, %b : tensor<2xf32>
            %1 = stablehlo.multiply %a, %b : tensor<2xf32>
            return %0, %1 : tensor<2xf32>, tensor<2xf32>
          }
        }
        """

    @Test func `runs a program on host arrays`() throws {
        let client = try Client(Plugin.load(.cpu))
        let program = try client.compile(Self.add)
        let results = try program.run([
            HostArray([1, 2] as [Float], [2]), HostArray([3, 5] as [Float], [2]),
        ])
        #expect(results.map { $0.elements(as: Float.self) } == [[4, 7], [3, 10]])
    }
}
