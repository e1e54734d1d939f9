/// A random sample of documents within a bound on its bytes: those of the lowest ranks.
///
/// Which documents are kept does not depend on the order in which they come.
struct DocumentSample {
    private struct Entry {
        let rank: UInt64
        let index: Int
        let text: String

        func precedes(_ other: Entry) -> Bool { (rank, index) < (other.rank, other.index) }
    }

    private let limit: Int
    /// A heap with the highest rank on top.
    private var heap: [Entry] = []
    private(set) var bytes = 0
    private var index = 0

    /// - Parameter limit: In bytes. A document that is longer by itself is cut.
    init(limit: Int) {
        self.limit = limit
    }

    mutating func add(_ text: String, rank: UInt64) {
        let entry = Entry(rank: rank, index: index, text: cut(text))
        index += 1
        bytes += entry.text.utf8.count
        heap.append(entry)
        siftUp()
        while bytes > limit, heap.count > 1 { removeHighest() }
    }

    /// The documents in the order they came.
    var documents: [String] { heap.sorted { $0.index < $1.index }.map(\.text) }

    private func cut(_ text: String) -> String {
        guard text.utf8.count > limit else { return text }
        let bytes = text.utf8.prefix(limit)
        var whole = bytes
        while !whole.isEmpty, String(whole) == nil { whole = whole.dropLast() }
        return String(whole) ?? ""
    }

    private mutating func siftUp() {
        var child = heap.count - 1
        while child > 0, heap[(child - 1) / 2].precedes(heap[child]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func removeHighest() {
        bytes -= heap[0].text.utf8.count
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var highest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[highest].precedes(heap[child]) {
                highest = child
            }
            if highest == parent { return }
            heap.swapAt(highest, parent)
            parent = highest
        }
    }
}
