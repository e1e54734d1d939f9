import ArgumentParser
import Foundation

/// What a user reads of an error: our own errors describe themselves, others are put in words.
func sentence(about error: any Error) -> String {
    switch error {
    case let usage as ValidationError: return usage.message
    case let error as DecodingError: return sentence(about: error)
    case let error as EncodingError: return sentence(about: error)
    case let error as CocoaError: return systemSentence(error.userInfo, error as NSError)
    case let error as POSIXError: return systemSentence(error.userInfo, error as NSError)
    default:
        // `NSError` describes itself in the debugger's way.
        if type(of: error) is NSError.Type {
            let error = error as NSError
            return systemSentence(error.userInfo, error)
        }
        return String(describing: error)
    }
}

/// A failed call of the system: the file, if one is known, and the system's reason.
private func systemSentence(_ facts: [String: Any], _ error: NSError) -> String {
    var reason = error.localizedDescription
    if let cause = facts[NSUnderlyingErrorKey] as? NSError, cause.domain == NSPOSIXErrorDomain {
        reason = String(cString: strerror(Int32(cause.code)))
    } else if error.domain == NSPOSIXErrorDomain {
        reason = String(cString: strerror(Int32(error.code)))
    }
    let path = facts[NSFilePathErrorKey] as? String ?? (facts[NSURLErrorKey] as? URL)?.path
    let preface = "The operation could not be completed. "
    if reason.hasPrefix(preface) { reason.removeFirst(preface.count) }
    while reason.hasSuffix(".") { reason.removeLast() }
    return (path.map { "\($0): " } ?? "") + reason
        + ". Check the path, its permissions and the disk."
}

private func sentence(about error: DecodingError) -> String {
    let context =
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context),
            .keyNotFound(_, let context), .dataCorrupted(let context):
            context
        @unknown default: DecodingError.Context(codingPath: [], debugDescription: "\(error)")
        }
    let key = context.codingPath.map(\.stringValue).joined(separator: ".")
    return "A file cannot be decoded\(key.isEmpty ? "" : " at \(key)"): \(context.debugDescription)"
        + " Restore the file from a copy."
}

private func sentence(about error: EncodingError) -> String {
    switch error {
    case .invalidValue(let value, let context):
        let key = context.codingPath.map(\.stringValue).joined(separator: ".")
        return "The value \(value) of \(key) cannot be written as JSON. Leave out --json."
    @unknown default: return "A value cannot be written as JSON. Leave out --json."
    }
}
