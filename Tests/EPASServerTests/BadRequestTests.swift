import Testing

@testable import EPASServer

@Suite("Bad requests")
struct BadRequestTests {
    static let tables: [(name: String, requests: [BadRequest])] = [
        ("prompts", BadRequest.prompts), ("lengths", BadRequest.lengths),
        ("models", BadRequest.models), ("sharing", BadRequest.sharing),
        ("fields", BadRequest.completionFields), ("stops", BadRequest.stops),
        ("biases", BadRequest.biases), ("stream options", BadRequest.streamOptions),
        ("unknown", BadRequest.unknown), ("messages", BadRequest.messages),
        ("chat fields", BadRequest.chatFields), ("bodies", BadRequest.bodies),
        ("envelopes", BadRequest.envelopes),
    ]

    @Test(
        "each is refused in a sentence, reaches no engine, and the server goes on",
        arguments: tables.map(\.name))
    func refusals(name: String) async throws {
        let engine = try StubEngine()
        let requests = try #require(Self.tables.first { $0.name == name }).requests
        #expect(requests.count > 5)
        try await TestServer.with(engine: engine) { test in
            for request in requests { try await request.check(test.client) }
            #expect(engine.requests.isEmpty)
            try await BadRequest.checkServes(test.client)
            #expect(test.log.lines.count == requests.count + 1)
        }
    }

    @Test("the tables are as long as they are meant to be, without repetition")
    func count() {
        let requests = Self.tables.flatMap(\.requests)
        let keys = requests.map { "\($0.method) \($0.path) \($0.headers) \($0.body)" }
        #expect(requests.count >= 500)
        #expect(Set(keys).count == keys.count)
    }
}
