// What a `tokenizer.model` file says, read by us before SentencePiece does.
//
// Source: SentencePiece 0.1.97, src/sentencepiece_model.proto. SentencePiece ends the process on
// some malformed models, so a model reaches it only after these checks.

/// A checked SentencePiece BPE model.
struct SentencePieceModel: Sendable {
    /// Kinds of piece, numbered as in the file.
    enum Kind: UInt64 {
        case normal = 1, unknown, control, userDefined, unused, byte
    }

    struct Piece: Sendable {
        var bytes: [UInt8] = []
        var score: Float = 0
        var kind = Kind.normal
    }

    private(set) var pieces: [Piece] = []
    private(set) var hasByteFallback = false
    private(set) var addsDummyPrefix = true
    private(set) var hasCharacterMap = false

    private var kindOfModel: UInt64 = 1
    private var removesExtraWhitespace = true
    private var escapesWhitespace = true
    private var treatsWhitespaceAsSuffix = false

    /// - Parameter name: The file's name, for errors.
    /// - Throws: ``TokenizerError`` when the file is not a model, or not one we can use.
    init(_ file: [UInt8], name: String) throws(TokenizerError) {
        do {
            try read(file[...])
        } catch {
            throw TokenizerError(
                "\(name) is not a SentencePiece model, or is damaged",
                remedy: "Give the tokenizer.model of a BPE tokenizer, or copy the file again.")
        }
        if let problem = problem() {
            throw TokenizerError(
                "\(name) cannot be used: \(problem)",
                remedy: "Give the tokenizer.model of a SentencePiece BPE tokenizer.")
        }
    }

    /// Whether text goes through unchanged except that spaces become U+2581.
    var keepsText: Bool {
        !hasCharacterMap && !removesExtraWhitespace && escapesWhitespace
            && !treatsWhitespaceAsSuffix && hasByteFallback && hasSpacePiece
    }

    /// Whether a space is a piece; as bytes it would be read back as U+2581.
    private var hasSpacePiece: Bool {
        let space = Array("\u{2581}".utf8)
        return pieces.contains {
            $0.bytes == space && ($0.kind == .normal || $0.kind == .userDefined)
        }
    }

    /// The pieces that text is made of: all but the special ones and the bytes.
    var textPieces: some Sequence<Piece> {
        pieces.lazy.filter {
            $0.kind == .normal || $0.kind == .userDefined || $0.kind == .unused
        }
    }

    private func problem() -> String? {
        guard kindOfModel == 2 else { return "it is not a BPE model" }
        guard !pieces.isEmpty, pieces.count < 1 << 24 else {
            return "it has \(pieces.count) pieces"
        }
        guard pieces.count(where: { $0.kind == .unknown }) == 1 else {
            return "it does not have exactly one unknown piece"
        }
        var texts = ByteTable(capacity: pieces.count)
        for (id, piece) in pieces.enumerated() {
            guard !piece.bytes.isEmpty, !piece.bytes.contains(0) else {
                return "piece \(id) is empty or contains NUL"
            }
            guard String(validating: piece.bytes, as: UTF8.self) != nil else {
                return "piece \(id) is not UTF-8"
            }
            // The library notices some of these only, and then stumbles over a text with the others.
            guard texts.insert(piece.bytes) != nil else {
                return "piece \(id) has the text of another one"
            }
            // Met in a text, it would be taken for the symbol, which the library then stumbles on.
            guard piece.kind != .control || Self.characterCount(piece) > 1 else {
                return "piece \(id), a control symbol, is a single character"
            }
            guard piece.score.isFinite else { return "the score of piece \(id) is not finite" }
        }
        return nil
    }

    private static func characterCount(_ piece: Piece) -> Int {
        piece.bytes.count { $0 & 0xC0 != 0x80 }
    }

    private mutating func read(_ message: ArraySlice<UInt8>) throws(ProtobufReader.Malformed) {
        var fields = ProtobufReader(message)
        while let (number, value) = try fields.next() {
            guard 1...5 ~= number else { continue }
            guard case .bytes(let bytes) = value else { throw ProtobufReader.Malformed() }
            switch number {
            case 1: pieces.append(try Self.piece(bytes))
            case 2: try readTrainer(bytes)
            case 3: try readNormalizer(bytes)
            case 5: try readDenormalizer(bytes)
            default: break
            }
        }
    }

    private static func piece(
        _ message: ArraySlice<UInt8>
    ) throws(ProtobufReader.Malformed) -> Piece {
        var piece = Piece()
        var fields = ProtobufReader(message)
        while let field = try fields.next() {
            switch field {
            case (1, .bytes(let bytes)): piece.bytes = Array(bytes)
            case (2, .fixed32(let bits)): piece.score = Float(bitPattern: bits)
            case (3, .varint(let raw)):
                guard let kind = Kind(rawValue: raw) else { throw ProtobufReader.Malformed() }
                piece.kind = kind
            case (1...3, _): throw ProtobufReader.Malformed()
            default: break
            }
        }
        return piece
    }

    private mutating func readTrainer(
        _ message: ArraySlice<UInt8>
    ) throws(ProtobufReader.Malformed) {
        var fields = ProtobufReader(message)
        while let field = try fields.next() {
            switch field {
            case (3, .varint(let kind)): kindOfModel = kind
            case (24, .varint(let flag)): treatsWhitespaceAsSuffix = flag != 0
            case (35, .varint(let flag)): hasByteFallback = flag != 0
            case (3, _), (24, _), (35, _): throw ProtobufReader.Malformed()
            default: break
            }
        }
    }

    private mutating func readNormalizer(
        _ message: ArraySlice<UInt8>
    ) throws(ProtobufReader.Malformed) {
        var fields = ProtobufReader(message)
        while let field = try fields.next() {
            switch field {
            case (2, .bytes(let table)): hasCharacterMap = try Self.check(table)
            case (3, .varint(let flag)): addsDummyPrefix = flag != 0
            case (4, .varint(let flag)): removesExtraWhitespace = flag != 0
            case (5, .varint(let flag)): escapesWhitespace = flag != 0
            case (2...5, _): throw ProtobufReader.Malformed()
            default: break
            }
        }
    }

    private mutating func readDenormalizer(
        _ message: ArraySlice<UInt8>
    ) throws(ProtobufReader.Malformed) {
        var fields = ProtobufReader(message)
        while let field = try fields.next() {
            if case (2, .bytes(let table)) = field, try Self.check(table) {
                hasCharacterMap = true
            }
        }
    }

    /// Returns whether there is a table; throws if it is unusable.
    private static func check(_ table: ArraySlice<UInt8>) throws(ProtobufReader.Malformed) -> Bool {
        if table.isEmpty { return false }
        guard var map = CharacterMap(table), map.isSafe() else { throw ProtobufReader.Malformed() }
        return true
    }
}
