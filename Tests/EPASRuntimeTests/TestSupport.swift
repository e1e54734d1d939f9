import BasicContainers
import EPASArray
import EPASRuntime
import Foundation

/// A client that tests share unless they count its objects.
enum Shared {
    static let client = Result { try Client(Plugin.load(.cpu), options: .init(cpuDevices: 2)) }
}

/// Programs by name.
enum Programs {
    /// (a, b) -> (a + b, a · b), float32[2].
    static let sumAndProduct = """
        module @sum_and_product {
          func.func public @main(%a: tensor<2xf32>, %b: tensor<2xf32>)
              -> (tensor<2xf32>, tensor<2xf32>) {
            %0 = stablehlo.add %a, %b : tensor<2xf32>
            %1 = stablehlo.multiply %a, %b : tensor<2xf32>
            return %0, %1 : tensor<2xf32>, tensor<2xf32>
          }
        }
        """

    /// (state, kept, step) -> (state + step, kept): both states donated, the second untouched.
    static let update = """
        module @update {
          func.func public @main(%state: tensor<64xf32> {tf.aliasing_output = 0 : i32},
                                 %kept: tensor<64xf32> {tf.aliasing_output = 1 : i32},
                                 %step: tensor<64xf32>)
              -> (tensor<64xf32>, tensor<64xf32>) {
            %0 = stablehlo.add %state, %step : tensor<64xf32>
            return %0, %kept : tensor<64xf32>, tensor<64xf32>
          }
        }
        """

    /// x -> x · x repeatedly, float32[n, n]: enough work to be still running when started.
    static func powers(size n: Int, count: Int) -> String {
        let type = "tensor<\(n)x\(n)xf32>"
        let lines = (0..<count).map { index in
            """
                %\(index + 1) = stablehlo.dot_general \(index == 0 ? "%x" : "%\(index)"), %x,
                  contracting_dims = [1] x [0] : (\(type), \(type)) -> \(type)
            """
        }
        return """
            module @powers {
              func.func public @main(%x: \(type)) -> \(type) {
            \(lines.joined(separator: "\n"))
                return %\(count) : \(type)
              }
            }
            """
    }
}

/// Calls `body` with a fresh folder, removed afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory
        .appending(path: "epas-runtime-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}

func floats(_ array: HostArray) -> [Float] { array.elements(as: Float.self) }

extension Client {
    func makeBuffers(_ arrays: [HostArray]) throws -> UniqueArray<DeviceBuffer> {
        var buffers = UniqueArray<DeviceBuffer>()
        for array in arrays { buffers.append(try makeBuffer(array)) }
        return buffers
    }
}
