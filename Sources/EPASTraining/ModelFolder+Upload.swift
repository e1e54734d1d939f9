package import BasicContainers
import EPASArray
package import EPASCheckpoint
package import EPASModel
package import EPASRuntime
import Foundation

extension ModelFolder {
    /// Uploads every parameter, in the order of ``ModelConfig/storedParameters(_:)``.
    ///
    /// Host memory holds one parameter at a time, and none where the file's type is the device's.
    ///
    /// - Parameter matrices: The format of the matrices on the device.
    /// - Throws: ``CheckpointError`` for a tensor that is missing, or that integers cannot stand
    ///   for; ``PJRTError`` if the device has no room.
    package func upload(
        to client: Client, matrices: MatrixFormat = .floats(.float32)
    ) throws -> UniqueArray<DeviceBuffer> {
        var buffers = UniqueArray<DeviceBuffer>()
        for parameter in config.storedParameters(matrices) {
            let name = parameter.specification.name
            let arguments: [HostArray]
            do {
                arguments = try parameter.arguments(stored(name))
            } catch let error as QuantizationError {
                throw CheckpointError(
                    url.path,
                    "tensor \"\(name)\" has an element that is not a finite number (row "
                        + "\(error.row), column \(error.column)), for which int8 has no place",
                    remedy: "Use weights that are finite, or leave --weights int8 out.")
            }
            for argument in arguments { buffers.append(try client.makeBuffer(argument)) }
            releasePages(of: name)
        }
        return buffers
    }
}
