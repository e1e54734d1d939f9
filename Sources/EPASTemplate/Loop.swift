/// The variable `loop`. Source: Jinja2 3.1.6, runtime.py, `LoopContext`.
final class Loop {
    private var next: (() throws -> Value?)?
    private var knownLength: Int?
    private var upcoming: [Value] = []
    private(set) var index0 = -1
    private var current: Value?
    private(set) var previous: Value?
    private var changedValues: [Value]?

    init(length: Int?, _ next: @escaping () throws -> Value?) {
        knownLength = length
        self.next = next
    }

    /// Frees what the loop still holds.
    func finish() {
        next = nil
        upcoming = []
    }

    func advance() throws -> Value? {
        let value = try upcoming.isEmpty ? next?() : upcoming.removeFirst()
        guard let value else { return nil }
        index0 += 1
        previous = current
        current = value
        return value
    }

    func peek() throws -> Value? {
        if upcoming.isEmpty, let value = try next?() { upcoming = [value] }
        return upcoming.first
    }

    func length() throws -> Int {
        if let knownLength { return knownLength }
        while let value = try next?() { upcoming.append(value) }
        let length = index0 + 1 + upcoming.count
        knownLength = length
        // From here on they are taken from the front, so they are kept in one place.
        var items = upcoming[...]
        upcoming = []
        next = { items.popFirst() }
        return length
    }

    /// Whether the values differ from those of the last call.
    func isChanged(_ values: [Value], _ equal: ([Value], [Value]) throws -> Bool) rethrows -> Bool {
        if let changedValues, try equal(changedValues, values) { return false }
        changedValues = values
        return true
    }
}
