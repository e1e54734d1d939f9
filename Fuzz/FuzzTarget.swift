import Foundation

/// A parser that reads what strangers write.
enum FuzzTarget: String, CaseIterable {
    case safetensors
    case tokenizerJSON = "tokenizer-json"
    case tokenizerModel = "tokenizer-model"
    case tokenizerPieces = "tokenizer-pieces"
    case tokenizerParts = "tokenizer-parts"
    case config
    case runFile = "run-file"
    case template

    /// Set once, before the first input; libFuzzer's callback carries no context.
    nonisolated(unsafe) static var chosen = FuzzTarget.safetensors

    /// Reads one input. A thrown error is an answer; a trap, a hang and a value that does not
    /// survive being written are findings.
    func run(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .safetensors: readSafetensors(bytes)
        case .tokenizerJSON: readTokenizerJSON(bytes)
        case .tokenizerModel: readTokenizerModel(bytes)
        case .tokenizerPieces: readPieces(bytes)
        case .tokenizerParts: readParts(bytes)
        case .config: readConfig(bytes)
        case .runFile: readRunFile(bytes)
        case .template: renderTemplate(bytes)
        }
    }
}
