import EPASJSON

import struct Foundation.URL

extension JSONValue {
    /// Parses a file.
    static func load(_ url: URL) throws(CheckpointError) -> JSONValue {
        let file = try MappedFile(url)
        do throws(JSONScanner.Failure) {
            return try withExtendedLifetime(file) { () throws(JSONScanner.Failure) in
                try JSONValue(file.bytes)
            }
        } catch {
            throw CheckpointError(
                url.path, "not JSON: \(error.problem) (at byte \(error.offset))",
                remedy: "Correct the file, or copy or download it again.")
        }
    }
}
