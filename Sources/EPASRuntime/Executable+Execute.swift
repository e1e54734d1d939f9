package import BasicContainers
internal import CPJRT
package import EPASArray

extension Executable {
    /// Starts the program and returns its results, whose contents may still be on their way.
    ///
    /// The program's arguments are the donated buffers, then the borrowed ones, then the host
    /// arrays, which are uploaded for this call. A donated buffer's memory becomes the result
    /// that the program names for it; a parameter that takes its argument's memory gets a copy of
    /// a borrowed one. What goes wrong while the program runs is thrown when a result is read or
    /// waited for, also by way of later programs that took it as an argument.
    ///
    /// - Throws: ``RuntimeError`` if the arguments do not fit the program, else ``PJRTError``.
    ///   The donated buffers are gone in either case.
    package func execute(
        donating donated: consuming UniqueArray<DeviceBuffer>,
        borrowing borrowed: borrowing UniqueArray<DeviceBuffer>,
        inputs: [HostArray] = []
    ) throws -> UniqueArray<DeviceBuffer> {
        let bufferCount = donated.count + borrowed.count
        try checkCount(bufferCount + inputs.count)
        for index in donated.indices { try check(donated[index], at: index) }
        for index in borrowed.indices {
            try check(borrowed[index], at: donated.count + index)
        }
        for (index, input) in inputs.enumerated() {
            try check(input.shape, at: bufferCount + index)
        }

        var uploaded = UniqueArray<DeviceBuffer>(minimumCapacity: inputs.count)
        for input in inputs { uploaded.append(try client.makeBuffer(input, on: device)) }

        var arguments: [OpaquePointer?] = []
        arguments.reserveCapacity(bufferCount + uploaded.count)
        for index in donated.indices { arguments.append(donated[index].handle) }
        for index in borrowed.indices { arguments.append(borrowed[index].handle) }
        for index in uploaded.indices { arguments.append(uploaded[index].handle) }
        // What is only lent must survive also where the program would take it.
        let lent = donated.count..<bufferCount
        // The handles do not keep their owners alive.
        let handles = try withExtendedLifetime(donated) {
            try withExtendedLifetime(uploaded) {
                try start(arguments, keeping: lent.map(Int64.init))
            }
        }

        var results = UniqueArray<DeviceBuffer>(minimumCapacity: handles.count)
        for (index, handle) in handles.enumerated() {
            do {
                results.append(try DeviceBuffer(owning: handle, client: client))
            } catch {
                for rest in handles[(index + 1)...] { DeviceBuffer.destroy(rest, client) }
                throw error
            }
        }
        return results
    }

    /// Starts the program without donating; see ``execute(donating:borrowing:inputs:)``.
    package func execute(
        borrowing borrowed: borrowing UniqueArray<DeviceBuffer>, inputs: [HostArray] = []
    ) throws -> UniqueArray<DeviceBuffer> {
        try execute(donating: UniqueArray(), borrowing: borrowed, inputs: inputs)
    }

    /// Starts the program on donated buffers and host arrays; see
    /// ``execute(donating:borrowing:inputs:)``.
    package func execute(
        donating donated: consuming UniqueArray<DeviceBuffer>, inputs: [HostArray] = []
    ) throws -> UniqueArray<DeviceBuffer> {
        let none = UniqueArray<DeviceBuffer>()
        return try execute(donating: donated, borrowing: none, inputs: inputs)
    }

    /// Runs the program on host arrays and returns its results, complete.
    package func run(_ inputs: [HostArray]) throws -> [HostArray] {
        let results = try execute(donating: UniqueArray(), inputs: inputs)
        var arrays: [HostArray] = []
        for index in results.indices { arrays.append(try results[index].hostArray()) }
        return arrays
    }

    private func checkCount(_ given: Int) throws(RuntimeError) {
        guard let parameters, given != parameters.count else { return }
        throw .wrongArgumentCount(given: given, expected: parameters.count)
    }

    /// Refuses a buffer of another client, whose memory is not ours to use, or of a wrong shape.
    private func check(_ buffer: borrowing DeviceBuffer, at index: Int) throws(RuntimeError) {
        guard buffer.client === client else { throw .foreignBuffer(index: index) }
        try check(buffer.shape, at: index)
    }

    /// Compares an argument with the parameter: of a wrong shape the plugin would only notice a
    /// wrong size.
    private func check(_ given: Shape, at index: Int) throws(RuntimeError) {
        guard let parameters, given != parameters[index] else { return }
        throw .wrongArgument(index: index, given: given, expected: parameters[index])
    }

    /// Calls the C function; returns one handle per result, which the caller then owns.
    ///
    /// - Parameter kept: Indices of arguments whose memory the program may not take.
    private func start(
        _ arguments: [OpaquePointer?], keeping kept: [Int64]
    ) throws -> [OpaquePointer] {
        var results = [OpaquePointer?](repeating: nil, count: resultCount)
        var completion: OpaquePointer?
        try arguments.withUnsafeBufferPointer { arguments in
            try results.withUnsafeMutableBufferPointer { results in
                try kept.withUnsafeBufferPointer { kept in
                    // One list per device, and there is one device.
                    var argumentList: UnsafePointer<OpaquePointer?>? = arguments.baseAddress
                    var resultList: UnsafeMutablePointer<OpaquePointer?>? = results.baseAddress
                    var options = PJRT_ExecuteOptions.sized()
                    options.non_donatable_input_indices = kept.baseAddress
                    options.num_non_donatable_input_indices = kept.count
                    try withUnsafeMutablePointer(to: &options) { options in
                        try withUnsafePointer(to: &argumentList) { argumentLists in
                            try withUnsafePointer(to: &resultList) { resultLists in
                                try withUnsafeMutablePointer(to: &completion) { completion in
                                    var call = PJRT_LoadedExecutable_Execute_Args.sized()
                                    call.executable = handle
                                    call.options = options
                                    call.argument_lists = argumentLists
                                    call.num_devices = 1
                                    call.num_args = arguments.count
                                    call.output_lists = resultLists
                                    call.device_complete_events = completion
                                    try client.call(
                                        "PJRT_LoadedExecutable_Execute",
                                        client.plugin.api.PJRT_LoadedExecutable_Execute, &call)
                                }
                            }
                        }
                    }
                }
            }
        }
        let handles = results.map { $0! }
        if let completion {
            let event = client.event(owning: completion)
            // A program without results has no other way to say how it went.
            if handles.isEmpty { try event.wait() }
        }
        return handles
    }
}
