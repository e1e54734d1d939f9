import EPASCheckpoint
import EPASInference
import EPASJSON
import EPASModel
import Foundation
import Testing

@testable import EPASServer

@Suite("Region lengths")
struct SharingTests {
    /// How a request fixes a length, what the engine is to get and what the answer says.
    struct Case: Sendable {
        var model: String?
        var field: Int?
        var header: Int?
        let plan: String
        let origin: String

        init(
            model: String? = nil, field: Int? = nil, header: Int? = nil, _ plan: String,
            _ origin: String = "request"
        ) {
            self.model = model
            self.field = field
            self.header = header
            self.plan = plan
            self.origin = origin
        }

        var fields: String {
            var text = ""
            if let model { text += #", "model": "\#(model)""# }
            if let field { text += #", "sharing_layers": \#(field)"# }
            return text
        }

        var headers: [String: String] {
            header.map { ["X-EPAS-Sharing-Layers": "\($0)"] } ?? [:]
        }
    }

    static let cases: [Case] =
        [
            Case("qk:2", "default"), Case(model: "tiny", "qk:2", "default"),
            Case(model: "tiny@share=2", "qk:2"), Case(field: 2, "qk:2"), Case(header: 2, "qk:2"),
            Case(model: "tiny@share=qk:3", "qk:3"), Case(model: "tiny@share=kv:3", "kv:3"),
            Case(model: "tiny@share=scores:5", "scores:5"), Case(model: "tiny@share=kv:0", "none"),
            Case(model: "tiny@share=4", field: 4, header: 4, "qk:4"),
            Case(model: "tiny@share=kv:4", field: 4, header: 4, "kv:4"),
            Case(field: 1, header: 1, "qk:1"), Case(model: "tiny", field: 0, "none"),
        ]
        + (0...5).flatMap { count in
            let plan = count == 0 ? "none" : "qk:\(count)"
            return [
                Case(model: "tiny@share=\(count)", plan), Case(field: count, plan),
                Case(header: count, plan),
            ]
        }

    @Test("model, field and header choose; engine, answer, header and log agree")
    func choices() async throws {
        let engine = try StubEngine()
        try await TestServer.with(engine: engine) { test in
            for (index, item) in Self.cases.enumerated() {
                let name = Comment(rawValue: "\(item)")
                let plan = try SharingPlan(parsing: item.plan, layers: 8)
                let count = plan.sources.count
                let bodies = [
                    ("/v1/completions", #"{"prompt": "abc"\#(item.fields)}"#),
                    ("/v1/completions", #"{"prompt": "abc", "stream": true\#(item.fields)}"#),
                    (
                        "/v1/chat/completions",
                        #"{"messages": [{"role": "user", "content": "a"}]\#(item.fields)}"#
                    ),
                ]
                for (offset, (path, body)) in bodies.enumerated() {
                    let answer = try await test.client.post(path, body, headers: item.headers)
                    #expect(answer.status == 200, name)
                    #expect(answer.headers["x-epas-sharing-layers"] == "\(count)", name)
                    let chunks =
                        body.contains("stream") ? try answer.chunks : [try answer.json]
                    for json in chunks {
                        #expect(json["sharing_layers"]?.integer == count, name)
                        #expect(json["sharing_origin"]?.string == item.origin, name)
                        #expect(
                            json["system_fingerprint"]?.string == "epas-float32-\(item.plan)",
                            name)
                        #expect(json["model"]?.string == item.model ?? "tiny", name)
                    }
                    #expect(engine.requests.count == index * 3 + offset + 1)
                    #expect(engine.requests.last?.plan == plan, name)
                    #expect(
                        await eventually { test.log.lines.count == index * 3 + offset + 1 })
                    #expect(test.log.lines.last?.contains(" share=\(item.plan) ") == true)
                }
            }
        }
    }

    @Test("the list has an alias for each length, and each of them works")
    func models() async throws {
        let engine = try StubEngine()
        try await TestServer.with(engine: engine) { test in
            let list = try await test.client.get("/v1/models").json
            #expect(list["object"]?.string == "list")
            let models = list["data"]?.elements ?? []
            #expect(
                models.compactMap { $0["id"]?.string }
                    == ["tiny"] + (0...5).map { "tiny@share=\($0)" })
            for model in models {
                let id = try #require(model["id"]?.string)
                #expect(model["object"]?.string == "model")
                #expect(model["owned_by"]?.string == "epas")
                #expect((model["created"]?.integer ?? 0) > 1_600_000_000)
                #expect(model["max_model_len"]?.integer == 512)
                #expect(model["sharing_kind"]?.string == "qk")
                #expect(model["max_sharing_layers"]?.integer == 5)
                let alone = try await test.client.get("/v1/models/\(id)").json
                #expect(alone.compactText == model.compactText)
                let escaped = id.replacing("@", with: "%40").replacing("=", with: "%3D")
                #expect(
                    try await test.client.get("/v1/models/\(escaped)").json.compactText
                        == model.compactText)
                let answer = try await test.client.post(
                    "/v1/completions", #"{"prompt": "a", "model": "\#(id)"}"#)
                #expect(
                    try answer.json["sharing_layers"]?.integer
                        == model["sharing_layers"]?.integer)
            }
            let other = try await test.client.get("/v1/models/tiny@share=kv:3").json
            #expect(other["id"]?.string == "tiny@share=kv:3")
            #expect(other["sharing_kind"]?.string == "kv")
            #expect(other["sharing_layers"]?.integer == 3)
        }
    }

    @Test("maps of sources, other kinds and other maxima are served as described")
    func described() async throws {
        let map = "kv:3<1,5<1,7<6"
        let cases: [(PublishedSharing, maximum: Int?, expected: [String])] = [
            (
                .init(kind: "kv", layers: 3, maximumLayers: 3, share: map, hasFixedSources: true),
                nil, ["none", "kv:1", "kv:5<1,7<6", map]
            ),
            (
                .init(kind: "scores", layers: 1, maximumLayers: 2), nil,
                ["none", "scores:1", "scores:2"]
            ),
            (.init(kind: "qk", layers: 0, maximumLayers: 0), 2, ["none", "qk:1", "qk:2"]),
            (.init(kind: "qk", layers: 0, maximumLayers: 0), nil, ["none"]),
            (.init(kind: "qk", layers: 2, maximumLayers: 5), 2, ["none", "qk:1", "qk:2"]),
        ]
        for (described, maximum, expected) in cases {
            let sharing = try ServedSharing(described, maximum: maximum, layers: 8)
            #expect(sharing.ownPlans.map { $0.text(layers: 8) } == expected)
            #expect(sharing.standardPlan == sharing.ownPlans[described.layers])
            let engine = try StubEngine()
            try await TestServer.with(engine: engine, sharing: sharing) { test in
                for count in expected.indices {
                    let answer = try await test.client.post(
                        "/v1/completions", #"{"prompt": "a", "sharing_layers": \#(count)}"#)
                    #expect(answer.status == 200)
                }
                let beyond = try await test.client.post(
                    "/v1/completions", #"{"prompt": "a", "sharing_layers": \#(expected.count)}"#)
                #expect(beyond.status == 400)
                #expect(engine.requests.map(\.plan) == sharing.ownPlans)
            }
        }
    }

    @Test(
        "lengths that a model does not have are refused",
        arguments: [
            ("xx", 0, 0, nil, "share: the kind \"xx\" is unknown. Use one of qk, kv, scores."),
            (
                "qk", 0, 8, nil,
                "max-share: 8 of 8 layers cannot share. Use 0 to 7: layer 0 always computes."
            ),
            (
                "qk", 0, 0, -1,
                "max-share: -1 of 8 layers cannot share. Use 0 to 7: layer 0 always computes."
            ),
            (
                "qk", 3, 5, 2,
                "share: 3 layers are to share, but at most 2 may. Use 0 to 2, or raise --max-share."
            ),
        ] as [(String, Int, Int, Int?, String)])
    func refused(kind: String, count: Int, most: Int, maximum: Int?, sentence: String) {
        #expect {
            try ServedSharing(
                .init(kind: kind, layers: count, maximumLayers: most), maximum: maximum,
                layers: 8)
        } throws: {
            "\($0)" == sentence
        }
    }
}
