import BasicContainers
package import EPASArray
import EPASGraph
package import EPASRuntime
import EPASTraining

/// Takes the time of kernels' calls beside that of their plain forms.
///
/// Both are compiled programs with the same arguments in device memory, run by turns. Arguments are
/// as many copies as exceed the caches, so that what a model reads from memory is read from there.
package struct KernelBenchmark {
    package let client: Client
    package let cache: ExecutableCache
    /// Turns of which the median counts.
    package let repeats: Int

    package init(client: Client, cache: ExecutableCache, repeats: Int) {
        self.client = client
        self.cache = cache
        self.repeats = repeats
    }

    /// What a call took.
    package struct Speed: Sendable {
        package let target: String
        package let label: String
        package let isPullback: Bool
        /// What the call reads, in order.
        package let operands: [Shape]
        /// Floating-point operations of its products.
        package let flops: Double
        /// The bytes that it must read and write at least.
        package let bytes: Double
        /// Medians, with what the plugin takes to begin and end a program.
        package let seconds: Double
        package let plainSeconds: Double
    }

    /// Measures the call and, if the case says so, its pullback.
    ///
    /// - Throws: ``PJRTError``, for example where the plain form needs more memory than there is.
    package func measure(_ kernelCase: KernelCase) throws -> [Speed] {
        try (kernelCase.pullback == nil ? [false] : [false, true]).map { isPullback in
            try measure(kernelCase, isPullback: isPullback)
        }
    }

    /// The seconds that a program without work takes; part of every call's time.
    package func emptySeconds() throws -> Double {
        let graph = Graph()
        let text = graph.program(
            named: "empty", returning: [graph.parameter("x", Shape(.float32, [1]))])
        let executable = try client.compile(text, cache: cache)
        var sets = try operandSets([.zeros(Shape(.float32, [1]))], donated: [])
        var times: [Double] = []
        for _ in 0..<100 { times.append(try call(executable, &sets[0], returned: [])) }
        return median(times)
    }

    private func measure(_ kernelCase: KernelCase, isPullback: Bool) throws -> Speed {
        let builder = CallProgram(kernelCase, isPullback: isPullback)
        let needed = zip(builder.needed(client.kernels), builder.needed([])).map { $0 || $1 }
        let programs = [client.kernels, []].map { builder.program(kernels: $0, needed: needed) }
        let executables = try programs.map { try client.compile($0.text, cache: cache) }
        let operands = zip(builder.operands, needed).filter(\.1).map(\.0)
        let returned = Set(programs[0].aliases.keys)
        let donated = programs[0].aliases.sorted { $0.key < $1.key }.map(\.value)
        var sets = try operandSets(operands.map { $0.array() }, donated: donated)

        // The first call of a program is none that counts; it tells how many make a turn.
        let counts = try executables.map { executable in
            _ = try call(executable, &sets[0], returned: returned)
            let seconds = try call(executable, &sets[0], returned: returned)
            return min(max(Int(0.005 / max(seconds, 1e-6)), 1), 100)
        }
        var times: [[Double]] = [[], []]
        var next = 0
        for _ in 0..<repeats {
            for index in executables.indices {
                var sum = 0.0
                for _ in 0..<counts[index] {
                    next = (next + 1) % sets.count
                    sum += try call(executables[index], &sets[next], returned: returned)
                }
                times[index].append(sum / Double(counts[index]))
            }
        }
        let written = programs[0].results.enumerated().filter { !returned.contains($0.offset) }
        let all = operands.map(\.shape) + written.map(\.element)
        let bytes = all.reduce(0) { $0 + $1.byteCount }
        return Speed(
            target: kernelCase.target, label: kernelCase.label, isPullback: isPullback,
            operands: operands.map(\.shape), flops: kernelCase.flops * (isPullback ? 2 : 1),
            bytes: isPullback ? Double(bytes) : kernelCase.bytes ?? Double(bytes),
            seconds: median(times[0]), plainSeconds: median(times[1]))
    }

    private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    /// A program's arguments in device memory.
    private struct OperandSet: ~Copyable {
        /// Those whose memory results take, in the results' order.
        var donated: UniqueArray<DeviceBuffer>
        var others: UniqueArray<DeviceBuffer>
    }

    /// Copies of the operands that together exceed the caches.
    private func operandSets(
        _ operands: [HostArray], donated: [Int]
    ) throws -> UniqueArray<OperandSet> {
        let size = operands.reduce(0) { $0 + $1.shape.byteCount }
        let count = min((256 << 20) / max(size, 1) + 1, 64)
        var sets = UniqueArray<OperandSet>(minimumCapacity: count)
        for _ in 0..<count {
            var set = OperandSet(donated: UniqueArray(), others: UniqueArray())
            for index in donated { set.donated.append(try client.makeBuffer(operands[index])) }
            for (index, operand) in operands.enumerated() where !donated.contains(index) {
                set.others.append(try client.makeBuffer(operand))
            }
            sets.append(set)
        }
        return sets
    }

    /// Runs a program to its end and returns the seconds that it took.
    ///
    /// - Parameter returned: The results that are in memory of donated operands, and stand for them
    ///   in the next call.
    private func call(
        _ executable: Executable, _ operands: inout OperandSet, returned: Set<Int>
    ) throws -> Double {
        let clock = ContinuousClock()
        var donated = UniqueArray<DeviceBuffer>()
        swap(&donated, &operands.donated)
        let start = clock.now
        var results = try executable.execute(donating: donated, borrowing: operands.others)
        for index in results.indices { try results[index].wait() }
        let seconds = (clock.now - start).inSeconds
        // Taken from the end, so back to front.
        var taken = UniqueArray<DeviceBuffer>()
        while !results.isEmpty {
            let index = results.count - 1
            let result = results.removeLast()
            if returned.contains(index) { taken.append(result) }
        }
        while !taken.isEmpty { operands.donated.append(taken.removeLast()) }
        return seconds
    }
}
