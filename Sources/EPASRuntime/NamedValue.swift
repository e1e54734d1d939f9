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
    // The texts and lists live in memory of their own until `body` returns.
    var texts: [UnsafeMutableBufferPointer<CChar>] = []
    var lists: [UnsafeMutableBufferPointer<Int64>] = []
    defer {
        texts.forEach { $0.deallocate() }
        lists.forEach { $0.deallocate() }
    }
    func copy(_ text: String) -> UnsafeMutableBufferPointer<CChar> {
        let bytes = UnsafeMutableBufferPointer<CChar>.allocate(capacity: text.utf8.count + 1)
        _ = bytes.initialize(from: text.utf8.map { CChar(bitPattern: $0) } + [0])
        texts.append(bytes)
        return bytes
    }
    let entries = values.map { name, value in
        var entry = PJRT_NamedValue.sized()
        let bytes = copy(name)
        entry.name = UnsafePointer(bytes.baseAddress)
        entry.name_size = bytes.count - 1
        entry.value_size = 1
        switch value {
        case .text(let text):
            let bytes = copy(text)
            entry.type = PJRT_NamedValue_kString
            entry.string_value = UnsafePointer(bytes.baseAddress)
            entry.value_size = bytes.count - 1
        case .integer(let integer):
            entry.type = PJRT_NamedValue_kInt64
            entry.int64_value = integer
        case .integers(let integers):
            let list = UnsafeMutableBufferPointer<Int64>.allocate(capacity: integers.count)
            _ = list.initialize(from: integers)
            lists.append(list)
            entry.type = PJRT_NamedValue_kInt64List
            entry.int64_array_value = UnsafePointer(list.baseAddress)
            entry.value_size = integers.count
        case .real(let real):
            entry.type = PJRT_NamedValue_kFloat
            entry.float_value = real
        case .flag(let flag):
            entry.type = PJRT_NamedValue_kBool
            entry.bool_value = flag
        }
        return entry
    }
    return try entries.withUnsafeBufferPointer(body)
}
