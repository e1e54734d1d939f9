/// How far a preparation is.
package struct PreparationProgress: Sendable, Hashable {
    package enum Phase: String, Sendable {
        /// Reading documents for the tokenizer's sample.
        case reading
        /// Training the tokenizer.
        case training
        /// Writing tokens.
        case encoding
    }

    package let phase: Phase
    package internal(set) var documents = 0
    /// Bytes of text in these documents.
    package internal(set) var textBytes = 0
    /// Seconds since the phase began.
    package internal(set) var seconds = 0.0
    /// Bytes of the input files that are done, and of all of them.
    package internal(set) var fileBytes = 0
    package internal(set) var totalFileBytes = 0

    init(phase: Phase) {
        self.phase = phase
    }
}
