import EPASJSON
import Foundation

/// Speaks HTTP over a plain socket, so that tests decide about every byte.
struct TestClient: Sendable {
    let port: Int

    struct Answer: Sendable {
        var status = 0
        /// Names in lower case.
        var headers: [String: String] = [:]
        var body: [UInt8] = []

        var text: String { String(decoding: body, as: UTF8.self) }

        var json: JSONValue {
            get throws { try body.withUnsafeBytes { try JSONValue($0) } }
        }

        /// The data of server-sent events.
        var events: [String] {
            text.components(separatedBy: "\n\n").filter { !$0.isEmpty }.map {
                String($0.dropFirst("data: ".count))
            }
        }

        /// The JSON of server-sent events, the closing mark left out.
        var chunks: [JSONValue] {
            get throws {
                try events.filter { $0 != "[DONE]" }.map { text in
                    try Array(text.utf8).withUnsafeBytes { try JSONValue($0) }
                }
            }
        }
    }

    struct Malformed: Error {
        let bytes: [UInt8]
    }

    func post(
        _ path: String, _ body: String, headers: [String: String] = [:]
    ) async throws -> Answer {
        try await send("POST", path, body: Array(body.utf8), headers: headers)
    }

    func get(_ path: String, headers: [String: String] = [:]) async throws -> Answer {
        try await send("GET", path, headers: headers)
    }

    func send(
        _ method: String, _ path: String, body: [UInt8]? = nil, headers: [String: String] = [:]
    ) async throws -> Answer {
        var text = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        var headers = headers
        if let body {
            headers["Content-Length"] = headers["Content-Length"] ?? "\(body.count)"
            headers["Content-Type"] = headers["Content-Type"] ?? "application/json"
        }
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        return try await exchange(Array((text + "\r\n").utf8) + (body ?? []))
    }

    /// Sends bytes and reads the answer to the connection's end.
    func exchange(_ bytes: [UInt8]) async throws -> Answer {
        let connection = try await open()
        defer { connection.close() }
        // The server may have answered and closed before it has read everything.
        try? await connection.send(bytes)
        return try Self.parse(try await connection.readToEnd())
    }

    /// Sends a request for texts and does not wait for the answer.
    func start(
        _ body: String, path: String = "/v1/completions"
    ) async throws -> TestConnection {
        let connection = try await open()
        try await connection.send(
            "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        return connection
    }

    func open() async throws -> TestConnection { try await TestConnection.open(port: port) }

    static func parse(_ bytes: [UInt8]) throws -> Answer {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else {
            throw Malformed(bytes: bytes)
        }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
            .components(separatedBy: "\r\n")
        let parts = lines[0].split(separator: " ")
        guard parts.count > 1, let status = Int(parts[1]) else { throw Malformed(bytes: bytes) }
        var answer = Answer(status: status)
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            let value = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
            answer.headers[parts[0].lowercased()] = value
        }
        let rest = Array(bytes[end.upperBound...])
        if status == 100 { return try parse(rest) }
        answer.body = answer.headers["transfer-encoding"] == "chunked" ? unchunked(rest) : rest
        return answer
    }

    /// The data of a chunked body, as far as it came.
    private static func unchunked(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = bytes[...]
        while let end = rest.firstRange(of: Array("\r\n".utf8)) {
            let digits = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
            guard let count = Int(digits, radix: 16), count > 0 else { break }
            rest = rest[end.upperBound...]
            result += rest.prefix(count)
            rest = rest.dropFirst(count + 2)
        }
        return result
    }
}

/// A socket whose blocking calls run beside the tasks.
final class TestConnection: Sendable {
    private let socket: Int32

    private init(_ socket: Int32) {
        self.socket = socket
    }

    static func open(port: Int) async throws -> TestConnection {
        try await blocking {
            let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard result == 0 else {
                Glibc.close(socket)
                throw POSIXError(.ECONNREFUSED)
            }
            return TestConnection(socket)
        }
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) async throws {
        try await blocking { [socket] in
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { throw POSIXError(.EPIPE) }
                sent += count
            }
        }
    }

    /// Bytes that have come, at most so many; empty at the end.
    func read(_ limit: Int = 1 << 16) async throws -> [UInt8] {
        try await blocking { [socket] in
            var buffer = [UInt8](repeating: 0, count: limit)
            let count = buffer.withUnsafeMutableBytes {
                recv(socket, $0.baseAddress, $0.count, 0)
            }
            // A connection that was reset has ended too.
            return count > 0 ? Array(buffer[..<count]) : []
        }
    }

    func readToEnd() async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let part = try await read()
            if part.isEmpty { return bytes }
            bytes += part
        }
    }

    /// Reads until a text has come.
    func read(until text: String) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while !bytes.contains(Array(text.utf8)) {
            let part = try await read()
            if part.isEmpty { return bytes }
            bytes += part
        }
        return bytes
    }

    /// Makes the window for what comes as small as it can be.
    func shrinkReceiveBuffer() {
        var size: Int32 = 1
        setsockopt(
            socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Says no more, and may still read.
    func closeOutput() { _ = shutdown(socket, Int32(SHUT_WR)) }

    /// Closes so that the other side's next packet is answered with a reset.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        Glibc.close(socket)
    }

    func close() {
        _ = shutdown(socket, Int32(SHUT_RDWR))
        Glibc.close(socket)
    }
}

/// Runs blocking calls beside the tasks, which share few threads.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value
{
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result { try body() }) }.start()
    }
}

extension JSONValue {
    var elements: [JSONValue] {
        if case .array(let elements) = self { elements } else { [] }
    }

    subscript(index: Int) -> JSONValue? {
        elements.indices.contains(index) ? elements[index] : nil
    }

    /// Keys and values of an object.
    var entries: [(String, JSONValue)] {
        if case .object(let entries) = self { entries } else { [] }
    }
}
