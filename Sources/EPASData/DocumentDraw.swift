/// Draws by a document's content, so that nothing depends on its place or on what else there is,
/// and copies of a document stay together.
struct DocumentDraw: Sendable {
    /// Whether the document is set aside for validation.
    let isValidation: Bool
    /// Its rank in the draw of the tokenizer's sample: lower ranks first.
    let rank: UInt64

    init(_ text: String, seed: UInt64, validationFraction: Double) {
        var material = Array("epas.document".utf8)
        material.append(littleEndian: seed)
        material += text.utf8
        let digest = Digest(of: material)
        // 53 bits, which a Double holds exactly.
        isValidation = Double(digest.number(0) >> 11) * 0x1p-53 < validationFraction
        rank = digest.number(1)
    }
}
