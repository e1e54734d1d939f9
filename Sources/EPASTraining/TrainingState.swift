package import BasicContainers
package import EPASArray
package import EPASModel
package import EPASRuntime

/// What a training step changes: the float32 parameters and AdamW's two moments of each, on the
/// device, in the order of ``ModelConfig/parameters``.
package struct TrainingState: ~Copyable {
    package var parameters: UniqueArray<DeviceBuffer>
    /// First moments, then second moments.
    package var moments: UniqueArray<DeviceBuffer>

    /// Uploads a state, one parameter at a time.
    ///
    /// - Parameters:
    ///   - parameter: The value of a parameter.
    ///   - moment: Its first (0) or second (1) moment.
    package init(
        _ model: ModelConfig, client: Client,
        parameter: (ParameterSpecification) throws -> HostArray,
        moment: (ParameterSpecification, Int) throws -> HostArray
    ) throws {
        let specifications = model.parameters
        parameters = UniqueArray(minimumCapacity: specifications.count)
        moments = UniqueArray(minimumCapacity: 2 * specifications.count)
        for specification in specifications {
            parameters.append(
                try client.makeBuffer(parameter(specification).converted(to: .float32)))
        }
        for order in 0..<2 {
            for specification in specifications {
                moments.append(try client.makeBuffer(moment(specification, order)))
            }
        }
    }

    /// The state before the first step: parameters as given, moments zero.
    package init(
        startingFrom model: ModelConfig, client: Client, momentType: ElementType = .float32,
        parameter: (ParameterSpecification) throws -> HostArray
    ) throws {
        try self.init(model, client: client, parameter: parameter) { specification, _ in
            .zeros(specification.shape(momentType))
        }
    }

    /// Moves every buffer out, parameters first, as programs take them.
    mutating func takeAll() -> UniqueArray<DeviceBuffer> {
        var all = parameters.take()
        all.append(moving: moments.take())
        return all
    }

    /// Moves every buffer back in.
    mutating func putAll(_ buffers: consuming UniqueArray<DeviceBuffer>) {
        moments = buffers.removeTail(from: buffers.count / 3)
        parameters = buffers
    }
}

extension UniqueArray where Element == DeviceBuffer {
    /// Copies every buffer to the host.
    package func hostArrays() throws -> [HostArray] {
        var arrays: [HostArray] = []
        arrays.reserveCapacity(count)
        for index in indices { arrays.append(try self[index].hostArray()) }
        return arrays
    }
}
