import EPASJSON
import Foundation

/// `generation_config.json`: how a model's makers want texts to be sampled.
enum GenerationConfig {
    static let fileName = "generation_config.json"

    /// Reads the tokens that end a text, one id or a list of them.
    ///
    /// - Parameter vocabulary: Ids beyond it, which the model cannot produce, are passed over.
    /// - Returns: `nil` where the folder has no such file or the file names none.
    static func endOfSequence(
        in folder: URL, vocabulary: Int
    ) throws(CheckpointError) -> [Int]? {
        let url = folder.appendingPathComponent(fileName)
        guard isPresent(url) else { return nil }
        var reader = ConfigReader(try JSONValue.load(url))
        _ = reader.isObject
        let isGiven = reader.given("eos_token_id") != nil
        let ids = reader.tokens("eos_token_id", vocabulary: vocabulary)
        guard reader.problems.isEmpty else {
            throw CheckpointError(
                url.path, reader.problems, remedy: "Correct the file, or remove it.")
        }
        return isGiven ? ids : nil
    }
}
