// swift-tools-version: 6.2
import PackageDescription

// One target per room of the architecture; data flows one way, so a target imports only those
// above it in this list. `make setup` provides what lies outside SwiftPM: the PJRT header and
// plugin (.deps/xla-cpu-pjrt), SentencePiece, zstd and Oniguruma.

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let collections = Target.Dependency.product(name: "BasicContainers", package: "swift-collections")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let arguments = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")

let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let lifecycle = Target.Dependency.product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")

func room(
    _ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

func tests(
    _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.init(stringLiteral: name)] + dependencies,
        exclude: exclude, swiftSettings: settings)
}

let package = Package(
    name: "epas",
    products: [.executable(name: "epas", targets: ["epas"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.1"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.0.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .target(name: "COnig", linkerSettings: [.linkedLibrary("onig")]),
        .target(name: "CPJRT"),
        // Tests that train spend their time here.
        .target(
            name: "CPUKernels",
            cxxSettings: [.unsafeFlags(["-O2"], .when(configuration: .debug))]),
        .target(
            name: "CSentencePiece",
            linkerSettings: [
                .linkedLibrary("sentencepiece"), .linkedLibrary("sentencepiece_train"),
            ]),
        .systemLibrary(name: "CZstd"),

        room("EPASArray", []),
        room("EPASJSON", []),
        room("EPASTemplate", ["EPASJSON"]),
        room("EPASConfig", ["EPASArray", "Yams"]),
        room("EPASTokenizer", ["COnig", "CSentencePiece", "EPASJSON", crypto]),
        room("EPASData", ["EPASArray", "EPASTokenizer", "CZstd", crypto]),
        room("EPASGraph", ["EPASArray"]),
        room("EPASRuntime", ["EPASArray", "CPJRT", "CPUKernels", collections, crypto]),
        room("EPASModel", ["EPASArray", "EPASConfig", "EPASGraph"]),
        // Compiled into the module, so that the command is one file.
        room(
            "EPASCheckpoint", ["EPASArray", "EPASConfig", "EPASJSON", "EPASModel", crypto],
            resources: [.embedInCode("Resources/modeling_epas_llama.py")]),
        room(
            "EPASTraining",
            [
                "EPASArray", "EPASCheckpoint", "EPASConfig", "EPASData", "EPASGraph", "EPASModel",
                "EPASRuntime", "EPASTokenizer", collections, crypto,
            ]),
        room(
            "EPASInference",
            [
                "EPASArray", "EPASCheckpoint", "EPASGraph", "EPASModel", "EPASRuntime",
                "EPASTokenizer", collections, crypto, deque,
            ]),
        room(
            "EPASEvaluation",
            [
                "EPASArray", "EPASCheckpoint", "EPASConfig", "EPASGraph", "EPASJSON", "EPASModel",
                "EPASRuntime", "EPASTokenizer", "EPASTraining", collections,
            ]),
        room(
            "EPASServer",
            [
                "EPASCheckpoint", "EPASConfig", "EPASInference", "EPASJSON", "EPASModel",
                "EPASTemplate", "EPASTokenizer", crypto, httpTypes, hummingbird, hummingbirdCore,
                lifecycle,
                logging, nioCore, nioHTTP1, nioHTTPTypes,
            ]),
        room(
            "EPASBenchmark",
            ["EPASArray", "EPASGraph", "EPASModel", "EPASRuntime", "EPASTraining", collections]),
        room("EPASTesting", ["EPASArray", "EPASGraph", "EPASRuntime", collections]),
        .executableTarget(
            name: "epas",
            dependencies: [
                "EPASArray", "EPASBenchmark", "EPASCheckpoint", "EPASConfig", "EPASData",
                "EPASEvaluation", "EPASGraph", "EPASInference", "EPASJSON", "EPASModel",
                "EPASRuntime", "EPASServer", "EPASTemplate", "EPASTokenizer", "EPASTraining",
                arguments, collections,
            ],
            swiftSettings: settings),

        tests("EPASArray", ["EPASTesting"]),
        tests("EPASConfig", ["EPASTesting"]),
        tests("EPASTemplate", ["EPASJSON", "EPASTokenizer"]),
        tests("EPASTokenizer", ["EPASTesting"], exclude: ["Fixtures"]),
        tests("EPASData", ["CZstd", "EPASArray", "EPASTesting", "EPASTokenizer"]),
        tests("EPASGraph", ["EPASArray", "EPASRuntime", "EPASTesting"]),
        tests("EPASRuntime", ["EPASArray", "CPJRT", collections]),
        tests(
            "EPASModel",
            [
                "EPASArray", "EPASCheckpoint", "EPASConfig", "EPASGraph", "EPASRuntime",
                "EPASTesting", "EPASTraining", collections,
            ],
            exclude: ["Fixtures"]),
        tests(
            "EPASCheckpoint",
            ["EPASArray", "EPASConfig", "EPASJSON", "EPASModel", "EPASTesting"]),
        tests(
            "EPASTraining",
            [
                "EPASArray", "EPASCheckpoint", "EPASConfig", "EPASData", "EPASGraph", "EPASModel",
                "EPASRuntime", "EPASTesting", collections,
            ]),
        tests(
            "EPASInference",
            [
                "EPASArray", "EPASModel", "EPASRuntime", "EPASTesting", "EPASTraining",
                collections,
            ]),
        tests(
            "EPASEvaluation",
            [
                "EPASArray", "EPASCheckpoint", "EPASConfig", "EPASGraph", "EPASModel",
                "EPASRuntime", "EPASTesting", "EPASTokenizer", "EPASTraining", collections,
            ]),
        tests(
            "EPASServer",
            [
                "EPASArray", "EPASCheckpoint", "EPASInference", "EPASJSON", "EPASModel",
                "EPASRuntime", "EPASTesting", "EPASTokenizer", collections,
            ]),
        tests("EPASBenchmark", ["EPASArray", "EPASModel", "EPASRuntime", "EPASTesting"]),
        tests("epas", ["EPASArray", "EPASCheckpoint", "EPASModel"]),
    ],
    cxxLanguageStandard: .cxx17
)

// Scripts/fuzz.sh builds this; it needs a sanitizer's runtime.
if Context.environment["EPAS_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "epas-fuzz",
            dependencies: [
                "EPASArray", "EPASCheckpoint", "EPASConfig", "EPASJSON", "EPASModel",
                "EPASTemplate", "EPASTokenizer",
            ],
            path: "Fuzz", exclude: ["Dictionaries"], swiftSettings: settings))
}
