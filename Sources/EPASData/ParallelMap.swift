import Dispatch
import Synchronization

/// Applies `transform` to the elements on several threads; the results are in their order.
func parallelMap<Element: Sendable, Result: Sendable>(
    _ elements: [Element], threads: Int, _ transform: @Sendable (Element) -> Result
) -> [Result] {
    if threads <= 1 || elements.count <= 1 { return elements.map(transform) }
    let next = Atomic(0)
    return [Result](unsafeUninitializedCapacity: elements.count) { results, count in
        // Each place is written once, by the one thread that drew its index.
        nonisolated(unsafe) let results = results
        DispatchQueue.concurrentPerform(iterations: min(threads, elements.count)) { _ in
            while true {
                let index = next.add(1, ordering: .relaxed).oldValue
                guard index < elements.count else { return }
                results.initializeElement(at: index, to: transform(elements[index]))
            }
        }
        count = elements.count
    }
}
