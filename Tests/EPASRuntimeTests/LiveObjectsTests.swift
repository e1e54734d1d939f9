import BasicContainers
import EPASArray
import EPASRuntime
import Testing

struct LiveObjectsTests {
    /// A client of its own and a counter that outlives it.
    private func counting(_ body: (Client) throws -> Void) throws -> LiveObjects {
        let client = try Client(Plugin.load(.cpu))
        #expect(client.liveObjects.count(of: .client) == 1)
        try body(client)
        return client.liveObjects
    }

    @Test func `everything is freed after work that went well`() throws {
        let live = try counting { client in
            let program = try client.compile(Programs.update)
            #expect(client.liveObjects.count(of: .executable) == 1)
            let zeros = HostArray.zeros(Shape(.float32, [64]))
            var state = try client.makeBuffers([zeros, zeros])
            #expect(client.liveObjects.count(of: .buffer) == 2)
            for _ in 0..<5 { state = try program.execute(donating: state, inputs: [zeros]) }
            #expect(client.liveObjects.count(of: .buffer) == 2)
            try state[0].wait()
            _ = try state[1].hostArray()
            #expect(client.liveObjects.count(of: .event) == 0)
        }
        #expect(live.total == 0)
    }

    @Test func `everything is freed after errors`() throws {
        let live = try counting { client in
            let program = try client.compile(Programs.update)
            let zeros = HostArray.zeros(Shape(.float32, [64]))
            #expect(throws: PJRTError.self) { try client.compile("nonsense") }
            #expect(throws: RuntimeError.self) {
                try drop(program.execute(donating: client.makeBuffers([zeros])))
            }
            let huge = try client.compile(
                """
                module @huge {
                  func.func public @main(%x: tensor<f32>) -> (tensor<f32>, tensor<99999999999999xf32>) {
                    %0 = stablehlo.iota dim = 0 : tensor<99999999999999xf32>
                    return %x, %0 : tensor<f32>, tensor<99999999999999xf32>
                  }
                }
                """)
            #expect(throws: PJRTError.self) { try huge.run([HostArray(1 as Float)]) }
            #expect(client.liveObjects.count(of: .buffer) == 0)
            #expect(client.liveObjects.count(of: .event) == 0)
        }
        #expect(live.total == 0)
    }

    @Test func `buffers and programs keep their client`() throws {
        var client: Client? = try Client(Plugin.load(.cpu))
        let live = client!.liveObjects
        do {
            let buffer = try client!.makeBuffer(HostArray([1, 2] as [Float], [2]))
            let program = try client!.compile(Programs.sumAndProduct)
            client = nil
            #expect(live.count(of: .client) == 1)
            let two = try buffer.hostArray()
            #expect(try program.run([two, two]).map(floats) == [[2, 4], [1, 4]])
        }
        #expect(live.total == 0)
    }
}

/// Ends the results' life; `#expect` cannot hold what cannot be copied.
func drop(_ results: consuming UniqueArray<DeviceBuffer>) {}
