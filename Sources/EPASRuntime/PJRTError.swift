/// A call into the PJRT plugin that failed.
package struct PJRTError: Error, Hashable, Sendable {
    /// The status code, as in `absl::StatusCode`.
    package enum Code: UInt32, Sendable {
        case cancelled = 1, unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists
        case permissionDenied, resourceExhausted, failedPrecondition, aborted, outOfRange
        case unimplemented, `internal`, unavailable, dataLoss, unauthenticated
    }

    package let code: Code
    /// The C function that reported the error, such as `PJRT_Client_Compile`.
    package let function: String
    /// The plugin's own words.
    package let message: String

    package init(code: Code, function: String, message: String) {
        self.code = code
        self.function = function
        self.message = message
    }

    /// What the user can do about it, where that is known.
    package var remedy: String? {
        // An error that comes back later is wrapped, and then only its words tell.
        if code == .resourceExhausted || message.contains("Out of memory") {
            return
                "Lower the batch or the sequence length, or compute activations again:"
                + " training.batch, training.sequence and training.rematerialization in a run file."
        }
        if code == .unimplemented { return "Use a plugin version that has \(function)." }
        return nil
    }
}

extension PJRTError: CustomStringConvertible {
    package var description: String {
        "\(function) failed (\(code)): \(message)" + (remedy.map { " \($0)" } ?? "")
    }
}
