package import BasicContainers
package import EPASArray
package import EPASCheckpoint
import EPASModel
package import EPASRuntime

extension ModelFolder {
    /// Uploads every parameter, in the order of ``ModelConfig/parameters``.
    ///
    /// Host memory holds one parameter at a time, and none where the file's type is the device's.
    ///
    /// - Parameter matrices: The type of the matrices on the device; norms and biases are float32.
    /// - Throws: ``CheckpointError`` for a tensor that is missing, ``PJRTError`` if the device
    ///   has no room.
    package func upload(
        to client: Client, matrices: ElementType = .float32
    ) throws -> UniqueArray<DeviceBuffer> {
        var buffers = UniqueArray<DeviceBuffer>(minimumCapacity: config.parameters.count)
        for specification in config.parameters {
            let type = specification.shape(matricesAs: matrices).elementType
            buffers.append(
                try client.makeBuffer(stored(specification.name).converted(to: type)))
            releasePages(of: specification.name)
        }
        return buffers
    }
}
