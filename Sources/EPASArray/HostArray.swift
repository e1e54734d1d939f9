/// An immutable array in host memory, row-major and dense.
///
/// Copies share storage. The storage may also be somebody else's memory (a mapped file), kept
/// alive by its owner; then nothing is copied until an element is asked for.
package struct HostArray: Sendable {
    package let shape: Shape
    private let storage: HostStorage

    /// Copies `elements` into an array of the given dimensions.
    ///
    /// - Precondition: the dimensions multiply to the number of elements.
    package init<Element: HostElement>(_ elements: [Element], _ dimensions: [Int]) {
        let shape = Shape(Element.elementType, dimensions)
        precondition(
            shape.elementCount == elements.count,
            "\(elements.count) elements do not fill \(shape)")
        self.init(shape) { bytes in
            elements.withUnsafeBytes { bytes.copyMemory(from: $0) }
        }
    }

    /// A scalar.
    package init<Element: HostElement>(_ element: Element) {
        self.init([element], [])
    }

    /// Makes an array whose bytes are written once, by `initialize`, after being set to zero.
    package init<Failure: Error>(
        _ shape: Shape,
        initializingWith initialize: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        self.shape = shape
        storage = HostStorage(byteCount: shape.byteCount, zeroed: true)
        try initialize(UnsafeMutableRawBufferPointer(start: storage.base, count: shape.byteCount))
    }

    /// Makes an array of which `initialize` writes every byte.
    init(
        unzeroed shape: Shape, initializingWith initialize: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        self.shape = shape
        storage = HostStorage(byteCount: shape.byteCount, zeroed: false)
        initialize(UnsafeMutableRawBufferPointer(start: storage.base, count: shape.byteCount))
    }

    /// Wraps memory that `owner` keeps alive and nobody writes to.
    ///
    /// - Precondition: `bytes` holds exactly the shape's bytes. They need not be aligned.
    package init(
        _ shape: Shape, borrowing bytes: UnsafeRawBufferPointer, owner: any AnyObject & Sendable
    ) {
        precondition(bytes.count == shape.byteCount, "\(bytes.count) bytes do not fill \(shape)")
        self.shape = shape
        storage = HostStorage(bytes, owner: owner)
    }

    /// Zeros (or `false`).
    package static func zeros(_ shape: Shape) -> HostArray {
        HostArray(shape) { _ in }
    }

    /// Lends the array's bytes, in the host's byte order.
    package func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: storage.base, count: shape.byteCount))
    }

    /// Returns a copy of the elements, in row-major order.
    ///
    /// - Precondition: `Element` is the array's element type; see ``converted(to:)``.
    package func elements<Element: HostElement>(as type: Element.Type = Element.self) -> [Element] {
        precondition(
            Element.elementType == shape.elementType,
            "\(shape) read as \(Element.elementType)")
        // Whole at once: element by element, callers in other modules would wait for the generic
        // form of every step.
        return [Element](unsafeUninitializedCapacity: shape.elementCount) { elements, count in
            withUnsafeBytes { UnsafeMutableRawBufferPointer(elements).copyMemory(from: $0) }
            count = shape.elementCount
        }
    }
}

/// Memory behind a ``HostArray``: its own, 64-byte aligned, or its owner's.
private final class HostStorage: @unchecked Sendable {
    // @unchecked: written only while the array that made it is being initialized.
    let base: UnsafeMutableRawPointer?
    private let owner: (any AnyObject & Sendable)?

    init(byteCount: Int, zeroed: Bool) {
        let base = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
        if zeroed { base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount) }
        self.base = base
        owner = nil
    }

    init(_ bytes: UnsafeRawBufferPointer, owner: any AnyObject & Sendable) {
        base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        self.owner = owner
    }

    deinit {
        if owner == nil { base?.deallocate() }
    }
}
