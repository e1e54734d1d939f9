internal import CPJRT

/// The value of an option or attribute in PJRT's list form.
enum NamedValue: Hashable, Sendable {
    case text(String)
    case integer(Int64)
    case integers([Int64])
    case real(Float)
    case flag(Bool)
}

extension PJRT_NamedValue {
    var nameText: String {
        String(decoding: UnsafeRawBufferPointer(start: name, count: name_size), as: UTF8.self)
    }

    /// The value for people to read.
    var valueText: String {
        switch type {
        case PJRT_NamedValue_kString:
            String(
                decoding: UnsafeRawBufferPointer(start: string_value, count: value_size),
                as: UTF8.self)
        case PJRT_NamedValue_kInt64: "\(int64_value)"
        case PJRT_NamedValue_kInt64List:
            UnsafeBufferPointer(start: int64_array_value, count: value_size)
                .map(String.init).joined(separator: ".")
        case PJRT_NamedValue_kFloat: "\(float_value)"
        case PJRT_NamedValue_kBool: "\(bool_value)"
        default: ""
        }
    }
}

/// Lends a list of named values in C form; it is valid only within `body`.
func withNamedValues<Result>(
    _ values: [(name: String, value: NamedValue)],
    _ body: (UnsafeBufferPointer<PJRT_NamedValue>) throws -> Result
) rethrows -> Result {
    let list = NamedValueList(values)
    return try withExtendedLifetime(list) {
        try list.entries.withUnsafeBufferPointer(body)
    }
}

/// Named values in C form, with the memory that they point to.
private final class NamedValueList {
    private(set) var entries: [PJRT_NamedValue] = []
    private var texts: [UnsafeMutableBufferPointer<CChar>] = []
    private var lists: [UnsafeMutableBufferPointer<Int64>] = []

    init(_ values: [(name: String, value: NamedValue)]) {
        for (name, value) in values {
            var entry = PJRT_NamedValue.sized()
            let text = copy(name)
            entry.name = UnsafePointer(text.baseAddress)
            entry.name_size = text.count
            entry.value_size = 1
            switch value {
            case .text(let value):
                let text = copy(value)
                entry.type = PJRT_NamedValue_kString
                entry.string_value = UnsafePointer(text.baseAddress)
                entry.value_size = text.count
            case .integer(let value):
                entry.type = PJRT_NamedValue_kInt64
                entry.int64_value = value
            case .integers(let value):
                let list = copy(value)
                entry.type = PJRT_NamedValue_kInt64List
                entry.int64_array_value = UnsafePointer(list.baseAddress)
                entry.value_size = list.count
            case .real(let value):
                entry.type = PJRT_NamedValue_kFloat
                entry.float_value = value
            case .flag(let value):
                entry.type = PJRT_NamedValue_kBool
                entry.bool_value = value
            }
            entries.append(entry)
        }
    }

    deinit {
        for text in texts { text.deallocate() }
        for list in lists { list.deallocate() }
    }

    private func copy(_ text: String) -> UnsafeMutableBufferPointer<CChar> {
        let bytes = UnsafeMutableBufferPointer<CChar>.allocate(capacity: text.utf8.count)
        _ = bytes.initialize(from: text.utf8.map { CChar(bitPattern: $0) })
        texts.append(bytes)
        return bytes
    }

    private func copy(_ integers: [Int64]) -> UnsafeMutableBufferPointer<Int64> {
        let list = UnsafeMutableBufferPointer<Int64>.allocate(capacity: integers.count)
        _ = list.initialize(from: integers)
        lists.append(list)
        return list
    }
}
