import BasicContainers
import EPASArray
import EPASRuntime
import Testing

/// Programs are started, not awaited: what is promised about results that are not there yet.
struct PendingResultTests {
    private static let failing = """
        module @failing {
          func.func public @main(%state: tensor<f32> {tf.aliasing_output = 0 : i32},
                                 %wait: tensor<512x512xf32>)
              -> (tensor<f32>, tensor<99999999999999xf32>) {
            %0 = stablehlo.add %state, %state : tensor<f32>
            %1 = stablehlo.iota dim = 0 : tensor<99999999999999xf32>
            return %0, %1 : tensor<f32>, tensor<99999999999999xf32>
          }
        }
        """

    private static let next = """
        module @next {
          func.func public @main(%state: tensor<f32> {tf.aliasing_output = 0 : i32}) -> tensor<f32> {
            %0 = stablehlo.add %state, %state : tensor<f32>
            return %0 : tensor<f32>
          }
        }
        """

    /// 512 × 512 elements of 1/512: its own square.
    private static let idempotent = HostArray(
        [Float](repeating: 1 / 512, count: 512 * 512), [512, 512])

    @Test func `an error in a running program is thrown where a result is read`() throws {
        let client = try Client(Plugin.load(.cpu))
        let live = client.liveObjects
        let slow = try client.compile(Programs.powers(size: 512, count: 100))
        let failing = try client.compile(Self.failing)
        let next = try client.compile(Self.next)
        do {
            // The second program has to wait for the first, so its failure comes later.
            let busy = try slow.execute(donating: UniqueArray(), inputs: [Self.idempotent])
            var results = try failing.execute(
                donating: client.makeBuffers([HostArray(1 as Float)]), borrowing: busy)
            var state = UniqueArray<DeviceBuffer>()
            state.append(results.remove(at: 0))
            // A chain of donations carries the error to its end.
            for _ in 0..<3 { state = try next.execute(donating: state) }

            let words = "Out of memory allocating 399999999999996 bytes."
            let remedy =
                "Lower the batch or the sequence length, or compute activations again: "
                + "training.batch, training.sequence and training.rematerialization in a run file."
            do {
                _ = try state[0].hostArray()
                Issue.record("reading the last state did not throw")
            } catch let error as PJRTError {
                #expect(error.message.contains(words))
                #expect(error.description.contains(remedy))
            }
            do {
                try results[0].wait()
                Issue.record("waiting for the failed result did not throw")
            } catch let error as PJRTError {
                #expect(error.message.contains(words))
            }
            #expect(try floats(busy[0].hostArray()).allSatisfy { $0 == 1 / 512 })
        }
        #expect(live.count(of: .buffer) == 0)
        #expect(live.count(of: .event) == 0)
    }

    @Test func `steps may be started ahead of reading`() throws {
        let client = try Client(Plugin.load(.cpu))
        let next = try client.compile(Self.next)
        var state = try client.makeBuffers([HostArray(1 as Float)])
        // More than the plugin keeps in flight.
        for _ in 0..<100 { state = try next.execute(donating: state) }
        let power = try floats(state[0].hostArray())[0]
        #expect(power == Float(sign: .plus, exponent: 100, significand: 1))
    }

    @Test func `arguments may be dropped before the program is done`() throws {
        let client = try Client(Plugin.load(.cpu))
        let slow = try client.compile(Programs.powers(size: 512, count: 20))
        var results = UniqueArray<DeviceBuffer>()
        do {
            let arguments = try client.makeBuffers([Self.idempotent])
            results = try slow.execute(borrowing: arguments)
        }
        #expect(try floats(results[0].hostArray()).allSatisfy { $0 == 1 / 512 })
    }
}
