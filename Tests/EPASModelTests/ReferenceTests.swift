import BasicContainers
import EPASArray
import EPASCheckpoint
import EPASModel
import EPASRuntime
import EPASTesting
import EPASTraining
import Foundation
import Testing

/// A case of `Fixtures/index.json`, made by `Scripts/make_fixtures.py` with PyTorch in float64.
struct ReferenceCase: Decodable, Sendable, CustomTestStringConvertible {
    let model: String
    let tokens: [[Int32]]
    let share: String?
    let file: String

    var testDescription: String { "\(model) \(share ?? "none")" }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Fixtures")

    static let all: [ReferenceCase] = {
        struct Index: Decodable { let cases: [ReferenceCase] }
        do {
            let data = try Data(contentsOf: folder.appending(path: "index.json"))
            return try JSONDecoder().decode(Index.self, from: data).cases
        } catch {
            fatalError("the fixtures cannot be read: \(error)")
        }
    }()
}

@Suite("Against the float64 reference")
struct ReferenceTests {
    /// Norm of the difference over norm of the reference.
    ///
    /// float32 has 24 bits; the reference's own float32 run errs by at most 3.4e-6 in these cases.
    static let tolerance = 1e-5

    @Test(
        "loss, logits and every gradient, in plain operations and with kernels",
        arguments: ReferenceCase.all, [false, true])
    func matches(reference: ReferenceCase, hasKernels: Bool) throws {
        let folder = try ModelFolder(ReferenceCase.folder.appending(path: reference.model))
        let model = folder.config
        let plan = try SharingPlan(parsing: reference.share ?? "", layers: model.layers)
        let (batch, sequence) = (reference.tokens.count, reference.tokens[0].count)
        let client = try TestClient.shared
        let program = try client.compile(
            LossProgram(
                model: model, plan: plan, computeType: .float32,
                kernels: hasKernels ? client.kernels : []
            )
            .inspect(batch: batch, sequence: sequence, gradients: true))
        let results = try program.execute(
            borrowing: folder.upload(to: client),
            inputs: [HostArray(reference.tokens.flatMap(\.self), [batch, sequence])]
        ).hostArrays()
        let names = ["loss", "logits"] + model.parameters.map { "grad.\($0.name)" }
        let expected = try SafetensorsFile(ReferenceCase.folder.appending(path: reference.file))
        #expect(Set(expected.names.filter { !$0.hasPrefix("layers.") }) == Set(names))
        for (name, actual) in zip(names, results) {
            let error = relativeError(actual.doubles(), try expected.array(name).doubles())
            #expect(error <= Self.tolerance, "\(name): \(error)")
        }
    }

    @Test(
        "a prefix's logits do not depend on what follows",
        arguments: ["none", "qk:2", "kv:2", "scores:2"])
    func prefixConsistency(share: String) throws {
        let model = try #require(ModelConfig(preset: "tiny"))
        let plan = try SharingPlan(parsing: share, layers: model.layers)
        let client = try TestClient.shared
        let program = try client.compile(
            LossProgram(model: model, plan: plan, computeType: .float32)
                .inspect(batch: 1, sequence: 12, gradients: false))
        var parameters = UniqueArray<DeviceBuffer>()
        for parameter in model.parameters {
            parameters.append(
                try client.makeBuffer(model.initialValue(of: parameter, seed: 2)))
        }
        func logits(_ tokens: [Int32]) throws -> [Float] {
            try program.execute(borrowing: parameters, inputs: [HostArray(tokens, [1, 12])])[1]
                .hostArray().elements(as: Float.self)
        }
        let head: [Int32] = [5, 200, 7, 7, 31, 0, 255]
        let a = try logits(head + [1, 2, 3, 4, 5])
        let b = try logits(head + [250, 0, 0, 90, 17])
        let kept = head.count * model.vocabulary
        #expect(a[..<kept] == b[..<kept])
        #expect(a[kept...] != b[kept...])
    }

    /// Masters that a program casts, and matrices that were cast before they were uploaded, are the
    /// same numbers.
    @Test("matrices held as bfloat16", arguments: ["gqa-tied", "biased-llama3"])
    func matricesInHalfTheRoom(name: String) throws {
        let folder = try ModelFolder(ReferenceCase.folder.appending(path: name))
        let plan = try SharingPlan(parsing: "kv:1", layers: folder.config.layers)
        let client = try TestClient.shared
        func logits(_ matrices: ElementType) throws -> [Float] {
            let program = try client.compile(
                LossProgram(
                    model: folder.config, plan: plan, computeType: .bfloat16,
                    matrices: .floats(matrices)
                ).inspect(batch: 1, sequence: 9, gradients: false))
            let tokens = HostArray((0..<9).map { Int32(3 * $0) }, [1, 9])
            return try program.execute(
                borrowing: folder.upload(to: client, matrices: .floats(matrices)), inputs: [tokens])[
                    1
                ]
                .hostArray().elements(as: Float.self)
        }
        #expect(try logits(.bfloat16) == logits(.float32))
    }

    private func relativeError(_ actual: [Double], _ expected: [Double]) -> Double {
        guard actual.count == expected.count else { return .infinity }
        let difference = zip(actual, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        let norm = expected.reduce(0) { $0 + $1 * $1 }
        return norm == 0 ? difference.squareRoot() : (difference / norm).squareRoot()
    }
}
