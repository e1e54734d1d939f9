import Foundation
import Testing

@Suite("epas serve")
struct ServeTests {
    /// Asks a server that listens on a port, and returns its whole answer.
    private static func ask(_ port: Int, _ head: String, _ body: String = "") throws -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isConnected)
        var text = "\(head)\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        if !body.isEmpty {
            text += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
        }
        let bytes = Array((text + "\r\n" + body).utf8)
        try #require(send(descriptor, bytes, bytes.count, 0) == bytes.count)
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    /// Waits for the server and returns its port.
    private static func port(of server: Program) throws -> Int {
        let end = Date(timeIntervalSinceNow: 60)
        while Date.now < end, server.isRunning {
            if let line = server.errorsSoFar.split(separator: "\n").first(where: {
                $0.hasPrefix("Serving ")
            }), let port = line.split(separator: ":").last.flatMap({ Int($0) }) {
                return port
            }
            usleep(20_000)
        }
        Issue.record("the server does not listen: \(server.errorsSoFar)")
        throw CancellationError()
    }

    @Test("a checkpoint answers at any region length until it is told to end")
    func serve() throws {
        let folder = try Pipeline.get().folder
        try Data("# keys\nsesame\n\n".utf8).write(to: folder.appending(path: "keys.txt"))
        try Data("{{ messages[0].content }}".utf8).write(to: folder.appending(path: "a.jinja"))
        let server = try Program(
            [
                "serve", "runs/run", "--port", "0", "--api-keys-file", "keys.txt",
                "--chat-template", "a.jinja", "--adaptive-share", "--share", "qk:1",
            ], in: folder)
        let port = try Self.port(of: server)
        #expect(server.errorsSoFar.contains("Serving run, sharing qk:1, on http://127.0.0.1:"))
        #expect(try Self.ask(port, "GET /health HTTP/1.1").hasSuffix(#"{"status":"ok"}"#))
        #expect(try Self.ask(port, "GET /v1/models HTTP/1.1").hasPrefix("HTTP/1.1 401 "))
        let key = "Authorization: Bearer sesame"
        var texts: [String] = []
        for count in 0...2 {
            let answer = try Self.ask(
                port, "POST /v1/completions HTTP/1.1\r\n\(key)",
                #"{"model": "run@share=\#(count)", "prompt": "value_1 = ", "max_tokens": 8, "temperature": 0}"#
            )
            #expect(answer.contains("\r\nX-EPAS-Sharing-Layers: \(count)\r\n"))
            let text = answer.components(separatedBy: #""text":"#).last ?? ""
            texts.append(String(text.prefix { $0 != "," }))
        }
        // The same text as the command makes.
        for (count, text) in texts.enumerated() {
            let made = try Program.run(
                [
                    "generate", "runs/run", "--prompt", "value_1 = ", "--max-tokens", "8",
                    "--share", "qk:\(count)", "--json",
                ], in: folder)
            #expect(made.output.contains("\"text\":\(text)"), "\(made.output) \(text)")
        }
        let chat = try Self.ask(
            port, "POST /v1/chat/completions HTTP/1.1\r\n\(key)",
            #"{"messages": [{"role": "user", "content": "value_1 = "}], "max_tokens": 8}"#)
        #expect(chat.hasPrefix("HTTP/1.1 200 "))
        #expect(chat.contains(#""role":"assistant""#))

        server.send(SIGTERM)
        let result = try server.result()
        #expect(result.status == 0)
        #expect(result.errors.contains("Finishing the requests that run"))
        #expect(result.errors.contains(" POST /v1/completions status=200 "))
        #expect(!result.errors.contains("sesame"))
    }

    @Test(
        "mistakes",
        arguments: [
            (64, ["--port", "70000"], "--port is 70000. Use 0 to 65535."),
            (
                64, ["--name", "a@share=1"],
                "--name is \"a@share=1\". Use a name without \"@share=\"."
            ),
            (
                64, ["--share", "qk:4"],
                "--share: 4 of 4 layers cannot share. Use 0 to 3: layer 0 always computes."
            ),
            (
                64, ["--max-share", "4"],
                "--max-share: 4 of 4 layers cannot share. Use 0 to 3: layer 0 always computes."
            ),
            (
                64, ["--adaptive-share"],
                "--adaptive-share has no longer region than 2 layers to give. Raise --max-share."
            ),
            (64, ["--timeout", "0"], "--timeout is 0.0. Use seconds up to 1000000."),
            (1, ["--slots", "0"], "The slots are 0. Use 1 to 1024."),
            (
                1, ["--api-keys-file", "nowhere"],
                "nowhere cannot be read as text. Name a file with a key a line."
            ),
            (
                1, ["--chat-template", "nowhere"],
                "FOLDER/nowhere cannot be read or has more than 1048576 bytes. Give a file that holds a chat template."
            ),
            (
                1, ["--host", "256.1.1.1", "--port", "0"],
                "There is no address 256.1.1.1, port 0. Name one of this machine's, such as 127.0.0.1."
            ),
            (
                1, ["--host", "192.0.2.1", "--port", "0"],
                "The server cannot listen on 192.0.2.1, port 0: Cannot assign requested address. Use another address or port."
            ),
        ] as [(Int32, [String], String)])
    func mistakes(status: Int32, options: [String], sentence: String) throws {
        let folder = try Pipeline.get().folder
        let sentence = sentence.replacing("FOLDER", with: folder.path)
        let result = try Program.run(["serve", "runs/run"] + options, in: folder)
        #expect(result.status == status, "\(result.errors)")
        #expect(result.errors.contains("Error: \(sentence)"), "\(result.errors)")
    }
}

@Suite("epas chat")
struct ChatTests {
    @Test("lines are messages and commands")
    func chat() throws {
        let folder = try Pipeline.get().folder
        try Data("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}".utf8)
            .write(to: folder.appending(path: "chat.jinja"))
        let lines = [
            "one", "/share 1", "two", "/share", "/share 9", "/share kv:1", "/system Be brief.",
            "three", "/reset", "", "/bogus", "/exit", "never read",
        ]
        let script =
            "printf '%s\\n' \(lines.map { "'\($0)'" }.joined(separator: " ")) | "
            + "\"$0\" chat runs/run --chat-template chat.jinja --max-tokens 4 --temperature 0"
        let result = try Program([], script: script, in: folder).result()
        #expect(result.status == 0, "\(result.errors)")
        #expect(
            result.errors == """
                Sharing qk:1.
                Sharing qk:1.
                9 of 4 layers cannot share. Use 0 to 3: layer 0 always computes.
                Sharing kv:1.
                A new chat has begun.
                A new chat has begun.
                There is no command /bogus. /help lists them.

                """)
        // Three answers, each of which ends with a line feed at least.
        #expect(result.output.count { $0 == "\n" } >= 3)
        let again = try Program([], script: script, in: folder).result()
        #expect(again.output == result.output)
    }

    @Test("a chat that is too long says so and can begin anew")
    func length() throws {
        let folder = try Pipeline.get().folder
        try Data("{{ messages | map(attribute='content') | join(' ') }}".utf8)
            .write(to: folder.appending(path: "join.jinja"))
        let script =
            "printf '%s\\n' '\(String(repeating: "a 1 b 2 ", count: 40))' | \"$0\" chat runs/run "
            + "--chat-template join.jinja"
        let result = try Program([], script: script, in: folder).result()
        #expect(result.status == 0)
        #expect(
            result.errors.contains(
                "tokens, but the model's longest sequence is 64. Begin a new one with /reset."))
    }

    @Test("without a template")
    func noTemplate() throws {
        let result = try Program.run(["chat", "runs/run"], in: try Pipeline.get().folder)
        #expect(result.status == 1)
        #expect(
            result.errors.hasSuffix(
                "neither chat_template.jinja nor \"chat_template\" in tokenizer_config.json. Give one with --chat-template FILE.\n"
            ))
    }
}
