import COnig
import Synchronization

/// A regular expression in Oniguruma's dialect, which is that of `tokenizer.json`.
final class RegularExpression: @unchecked Sendable {
    // @unchecked: a compiled pattern is only read.
    private let pattern: OpaquePointer

    /// A pattern that is not one.
    struct Failure: Error {
        let problem: String
    }

    /// Bytes of a pattern; real ones have some hundred.
    private static let longestPattern = 1 << 14

    /// Properties handed to Oniguruma; its compiler is used by one thread at a time.
    private static let defined = Mutex<Set<String>>([])

    init(_ text: String) throws(Failure) {
        guard text.utf8.count <= Self.longestPattern else {
            throw Failure(problem: "it is longer than \(Self.longestPattern) bytes")
        }
        var message = [CChar](repeating: 0, count: Int(EPAS_ONIG_MESSAGE_SIZE))
        let compiled = Self.defined.withLock { defined in
            let bytes = Array(UnicodeProperty.prepare(text, defined: &defined).utf8)
            return epas_onig_compile(bytes, bytes.count, &message).map { UInt(bitPattern: $0) }
        }
        guard let compiled, let pointer = OpaquePointer(bitPattern: compiled) else {
            let bytes = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw Failure(problem: String(decoding: bytes, as: UTF8.self))
        }
        pattern = pointer
    }

    deinit {
        epas_onig_free(pattern)
    }

    /// Calls `body` with the bounds of every match, in order; none overlap.
    ///
    /// An empty match right after another match is passed over, as `tokenizers` does. A search
    /// that takes too long ends the matches.
    ///
    /// - Parameter text: UTF-8.
    func forEachMatch(
        in text: UnsafeBufferPointer<UInt8>, _ searcher: Searcher, _ body: (Range<Int>) -> Void
    ) {
        guard !searcher.hasGivenUp else { return }
        var position = 0
        var lastEnd = -1
        while position <= text.count {
            var (start, end) = (0, 0)
            let result = epas_onig_search(
                pattern, searcher.handle, text.baseAddress, text.count, position, &start, &end)
            if result < 0 { searcher.hasGivenUp = true }
            guard result > 0, start <= end, end <= text.count else { return }
            if start == end, end == lastEnd {
                position += position < text.count ? UTF8Text.width(text[position]) : 1
            } else {
                body(start..<end)
                position = end
                lastEnd = end
            }
        }
    }

    /// The memory of one search after another.
    final class Searcher {
        fileprivate let handle: OpaquePointer
        /// Set by a search that took too long; later ones find nothing.
        fileprivate(set) var hasGivenUp = false

        init() {
            guard let handle = epas_onig_searcher_new() else { fatalError("out of memory") }
            self.handle = handle
        }

        deinit {
            epas_onig_searcher_free(handle)
        }
    }
}
