/// A figure of a task, as lm-evaluation-harness 0.4.13 defines the one of the same name.
package struct Metric: Hashable, Sendable, Codable {
    package enum Name: String, Hashable, Sendable, Codable {
        /// The part of items answered right: by the choices' log-probabilities, or of last words
        /// those of which each token was the most likely.
        case accuracy = "acc"
        /// By log-probabilities divided by the choices' characters.
        case accuracyPerCharacter = "acc_norm"
        /// By log-probabilities divided by the choices' UTF-8 bytes.
        case accuracyPerByte = "acc_bytes"
        /// exp of the mean negative log-probability of an item.
        case perplexity
        /// exp of the mean negative log-probability of a word, and of a byte.
        case wordPerplexity = "word_perplexity"
        case bytePerplexity = "byte_perplexity"
        case bitsPerByte = "bits_per_byte"

        /// Whether the figure is a part of the items, so that more is better.
        package var isAccuracy: Bool {
            switch self {
            case .accuracy, .accuracyPerCharacter, .accuracyPerByte: true
            case .perplexity, .wordPerplexity, .bytePerplexity, .bitsPerByte: false
            }
        }
    }

    package let name: Name
    package let value: Double
    /// `nil` where the harness gives none: for a single item, and for the figures of whole texts.
    package let standardError: Double?

    package init(_ name: Name, _ value: Double, standardError: Double?) {
        self.name = name
        self.value = value
        self.standardError = standardError
    }
}
