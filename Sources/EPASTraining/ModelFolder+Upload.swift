package import BasicContainers
import EPASArray
package import EPASCheckpoint
import EPASModel
package import EPASRuntime

extension ModelFolder {
    /// Uploads every parameter as float32, in the order of ``ModelConfig/parameters``.
    ///
    /// - Throws: ``CheckpointError`` for a tensor that is missing, ``PJRTError`` if the device
    ///   has no room.
    package func upload(to client: Client) throws -> UniqueArray<DeviceBuffer> {
        var buffers = UniqueArray<DeviceBuffer>(minimumCapacity: config.parameters.count)
        for specification in config.parameters {
            buffers.append(
                try client.makeBuffer(parameter(specification).converted(to: .float32)))
        }
        return buffers
    }
}
