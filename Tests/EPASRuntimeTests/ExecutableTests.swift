import BasicContainers
import EPASArray
import EPASRuntime
import Foundation
import Testing

struct ExecutableTests {
    let client: Client

    init() throws { client = try Shared.client.get() }

    @Test func `every result comes back, in order`() throws {
        let program = try client.compile(Programs.sumAndProduct)
        #expect(program.resultCount == 2)
        #expect(program.parameters == [Shape(.float32, [2]), Shape(.float32, [2])])
        let results = try program.run([
            HostArray([1, 2] as [Float], [2]), HostArray([3, 5] as [Float], [2]),
        ])
        #expect(results.map(floats) == [[4, 7], [3, 10]])
    }

    @Test func `arguments are donated, then borrowed, then uploaded`() throws {
        let type = "tensor<i32>"
        let program = try client.compile(
            """
            module @digits {
              func.func public @main(%a: \(type) {tf.aliasing_output = 0 : i32}, %b: \(type),
                                     %c: \(type)) -> \(type) {
                %ten = stablehlo.constant dense<10> : \(type)
                %0 = stablehlo.multiply %a, %ten : \(type)
                %1 = stablehlo.add %0, %b : \(type)
                %2 = stablehlo.multiply %1, %ten : \(type)
                %3 = stablehlo.add %2, %c : \(type)
                return %3 : \(type)
              }
            }
            """)
        let donated = try client.makeBuffers([HostArray(1 as Int32)])
        let borrowed = try client.makeBuffers([HostArray(2 as Int32)])
        let results = try program.execute(
            donating: donated, borrowing: borrowed, inputs: [HostArray(3 as Int32)])
        #expect(try results[0].hostArray().elements(as: Int32.self) == [123])
        #expect(try borrowed[0].hostArray().elements(as: Int32.self) == [2])
    }

    @Test func `donated memory becomes the result, also where nothing was computed`() throws {
        let program = try client.compile(Programs.update)
        var state = try client.makeBuffers([
            HostArray([Float](repeating: 1, count: 64), [64]),
            HostArray([Float](repeating: 2, count: 64), [64]),
        ])
        let addresses = [try state[0].deviceAddress(), try state[1].deviceAddress()]
        let step = HostArray([Float](repeating: 3, count: 64), [64])
        for round in 1...3 {
            state = try program.execute(donating: state, inputs: [step])
            #expect(try floats(state[0].hostArray())[63] == Float(1 + 3 * round))
            #expect(try floats(state[1].hostArray())[63] == 2)
            #expect(try state[0].deviceAddress() == addresses[0])
            #expect(try state[1].deviceAddress() == addresses[1])
        }
        let memory = try program.memoryStatistics()
        #expect(memory.arguments == 3 * 256)
        #expect(memory.aliased == 2 * 256)
    }

    @Test func `a borrowed argument survives a program that would take it`() throws {
        let program = try client.compile(Programs.update)
        let ones = HostArray([Float](repeating: 1, count: 64), [64])
        let state = try client.makeBuffers([ones, ones])
        for _ in 0..<2 {
            let results = try program.execute(borrowing: state, inputs: [ones])
            #expect(try floats(results[0].hostArray()) == [Float](repeating: 2, count: 64))
            #expect(try floats(results[1].hostArray()) == [Float](repeating: 1, count: 64))
            #expect(try results[1].deviceAddress() != state[1].deviceAddress())
        }
        #expect(try !state[0].isDeleted())
        #expect(try floats(state[0].hostArray()) == [Float](repeating: 1, count: 64))
    }

    @Test func `a program may have no arguments and no results`() throws {
        let program = try client.compile("module @nothing { func.func public @main() { return } }")
        #expect(program.parameters == [])
        #expect(try program.run([]).isEmpty)
    }

    @Test func `arrays without elements pass through`() throws {
        let program = try client.compile(
            """
            module @empty {
              func.func public @main(%x: tensor<0x3xf32>) -> tensor<0x3xf32> {
                %0 = stablehlo.add %x, %x : tensor<0x3xf32>
                return %0 : tensor<0x3xf32>
              }
            }
            """)
        #expect(try program.run([.zeros(Shape(.float32, [0, 3]))])[0].shape.dimensions == [0, 3])
    }

    @Test func `every element type is a parameter type`() throws {
        let types = [
            (ElementType.bool, "i1"), (.int8, "i8"), (.int32, "i32"), (.int64, "i64"),
            (.uint8, "ui8"), (.uint32, "ui32"), (.uint64, "ui64"), (.float16, "f16"),
            (.bfloat16, "bf16"), (.float32, "f32"), (.float64, "f64"),
        ]
        #expect(Set(types.map(\.0)) == Set(ElementType.allCases))
        let arguments = types.enumerated().map { "%\($0): tensor<2x3x\($1.1)>" }
        let program = try client.compile(
            """
            module @types {
              func.func public @main(\(arguments.joined(separator: ", "))) -> tensor<2x3xf64> {
                return %10 : tensor<2x3xf64>
              }
            }
            """.replacing("%", with: "%arg"))
        #expect(program.parameters == types.map { Shape($0.0, [2, 3]) })
    }

    @Test(arguments: [
        (0, [], "The program takes 2 arguments but was given 0."),
        (3, [2], "The program takes 2 arguments but was given 3."),
        (2, [3], "Argument 0 of the program is float32[2] but was given float32[3]."),
        (2, [2, 1], "Argument 0 of the program is float32[2] but was given float32[2, 1]."),
    ])
    func `wrong arguments never reach the plugin`(
        count: Int, dimensions: [Int], text: String
    ) throws {
        let program = try client.compile(Programs.sumAndProduct)
        let error = #expect(throws: RuntimeError.self) {
            try program.run(
                [HostArray](repeating: .zeros(Shape(.float32, dimensions)), count: count))
        }
        #expect(error?.description == text)
    }

    @Test func `a wrong element type of the same size is refused`() throws {
        let program = try client.compile(Programs.sumAndProduct)
        let good = HostArray([1, 2] as [Float], [2])
        let error = #expect(throws: RuntimeError.self) {
            try program.run([good, HostArray([1, 2] as [Int32], [2])])
        }
        #expect(
            error?.description
                == "Argument 1 of the program is float32[2] but was given int32[2].")
    }

    @Test func `a buffer of another client or device is refused`() throws {
        let program = try client.compile(Programs.sumAndProduct)
        let two = HostArray([2, 2] as [Float], [2])
        let other = try Client(Plugin.load(.cpu))
        let foreign = #expect(throws: RuntimeError.self) {
            try drop(program.execute(borrowing: other.makeBuffers([two, two])))
        }
        #expect(
            foreign?.description
                == "Argument 0 of the program belongs to another client. "
                + "Upload it with the client that compiled the program.")
        var elsewhere = UniqueArray<DeviceBuffer>()
        for _ in 0..<2 { elsewhere.append(try client.makeBuffer(two, on: 1)) }
        do {
            drop(try program.execute(donating: elsewhere))
            Issue.record("a buffer on another device was taken")
        } catch let error as PJRTError {
            #expect(error.code == .invalidArgument)
            #expect(error.message.contains("device"))
        }
    }

    @Test(arguments: [
        ("nonsense", "custom op 'nonsense' is unknown"),
        ("", "conversion requires module with `main` function"),
        ("module @m {", "expected operation name in quotes"),
        (
            """
            module @m {
              func.func public @main(%a: tensor<2xf32>) -> tensor<3xf32> {
                return %a : tensor<2xf32>
              }
            }
            """, "doesn't match function result type ('tensor<3xf32>')"
        ),
        (
            """
            module @m {
              func.func public @main(%a: tensor<f32>) -> tensor<f32> {
                %0 = stablehlo.custom_call @nobody(%a) {api_version = 4 : i32}
                  : (tensor<f32>) -> tensor<f32>
                return %0 : tensor<f32>
              }
            }
            """, "No FFI handler registered for nobody"
        ),
    ])
    func `the compiler's own message reaches the caller`(program: String, words: String) throws {
        let error = #expect(throws: PJRTError.self) { try client.compile(program) }
        let text = try #require(error?.description)
        #expect(text.hasPrefix("PJRT_Client_Compile failed ("))
        #expect(text.contains(words))
    }

    @Test func `compiler options arrive`() throws {
        let allowed = CompileOptions(overrides: [
            "xla_disable_hlo_passes": .text("cse"), "xla_cpu_enable_fast_math": .flag(false),
            "xla_cpu_parallel_codegen_split_count": .integer(2),
        ])
        let program = try client.compile(Programs.sumAndProduct, options: allowed)
        let one = HostArray([1, 1] as [Float], [2])
        #expect(try program.run([one, one]).map(floats) == [[2, 2], [1, 1]])
        let error = #expect(throws: PJRTError.self) {
            try client.compile(
                Programs.sumAndProduct, options: .init(overrides: ["no_such": .flag(true)]))
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message == "No such compile option: 'no_such'")
    }

    @Test func `memory that cannot be had is an error with a remedy`() throws {
        let count = 2_000_000_000_000
        let program = try client.compile(
            """
            module @huge {
              func.func public @main() -> tensor<\(count)xf32> {
                %0 = stablehlo.iota dim = 0 : tensor<\(count)xf32>
                return %0 : tensor<\(count)xf32>
              }
            }
            """)
        #expect(try program.memoryStatistics().results == 4 * count)
        let error = #expect(throws: PJRTError.self) { try program.run([]) }
        #expect(error?.code == .resourceExhausted)
        #expect(
            error?.description
                == "PJRT_LoadedExecutable_Execute failed (resourceExhausted): "
                + "Out of memory allocating 8000000000000 bytes. Lower the batch or the "
                + "sequence length, or compute activations again: training.batch, "
                + "training.sequence and training.rematerialization in a run file.")
    }

    @Test func `programs compile on one thread while others run`() async throws {
        let client = client
        let runner = try client.compile(Programs.powers(size: 64, count: 8))
        let half = HostArray([Float](repeating: 1 / 64, count: 64 * 64), [64, 64])
        try await withThrowingTaskGroup(of: [Float].self) { group in
            for _ in 0..<2 {
                group.addTask {
                    var x = half
                    for _ in 0..<20 { x = try runner.run([x])[0] }
                    return floats(x)
                }
            }
            for count in 1...4 {
                group.addTask {
                    let program = try client.compile(Programs.powers(size: 32, count: count))
                    let x = HostArray([Float](repeating: 1 / 32, count: 32 * 32), [32, 32])
                    return floats(try program.run([x])[0])
                }
            }
            // A matrix of 1/n is its own square, exactly in binary for these n.
            for try await result in group {
                let n = Float(result.count).squareRoot()
                #expect(result.allSatisfy { $0 == 1 / n })
            }
        }
    }
}
