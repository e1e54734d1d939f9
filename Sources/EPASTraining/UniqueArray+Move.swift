import BasicContainers

extension UniqueArray where Element: ~Copyable {
    /// Moves the elements from `index` on into an array of their own.
    mutating func removeTail(from index: Int) -> UniqueArray<Element> {
        var tail = UniqueArray<Element>(minimumCapacity: count - index)
        while count > index { tail.append(removeLast()) }
        // Taken from the end, so back to front.
        var (low, high) = (0, tail.count - 1)
        while low < high {
            tail.swapAt(low, high)
            (low, high) = (low + 1, high - 1)
        }
        return tail
    }

    /// Moves all elements of `other` to the end.
    mutating func append(moving other: consuming UniqueArray<Element>) {
        let start = count
        while !other.isEmpty { append(other.removeLast()) }
        var (low, high) = (start, count - 1)
        while low < high {
            swapAt(low, high)
            (low, high) = (low + 1, high - 1)
        }
    }

    /// Moves all elements out, leaving the array empty.
    mutating func take() -> UniqueArray<Element> {
        var taken = UniqueArray<Element>()
        swap(&self, &taken)
        return taken
    }
}
