import ArgumentParser
import EPASCheckpoint
import EPASConfig
import EPASInference
import EPASModel
import EPASRuntime
import EPASServer
import EPASTokenizer
import EPASTraining
import Foundation

/// `epas serve`: answers requests over HTTP.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve a model over OpenAI's HTTP interface, at any region length.",
        discussion: """
            Routes: /v1/completions, /v1/chat/completions, /v1/models, /health, /metrics. A \
            request fixes its region length by its model (NAME@share=N), its field \
            sharing_layers or its header X-EPAS-Sharing-Layers; the answer says which one it \
            got. The first SIGTERM or SIGINT finishes what runs, a second one ends at once.

            Environment:
              EPAS_API_KEYS  Keys that open the server, with commas between them.
            """)

    @OptionGroup var source: CheckpointArgument

    @Option(help: ArgumentHelp("The address to listen on.", valueName: "address"))
    var host = "127.0.0.1"

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The port to listen on; 0 takes a free one.", valueName: "number"))
    var port = 8000

    @Option(
        help: ArgumentHelp(
            "The model's name in requests. (default: the folder's name)", valueName: "name"))
    var name: String?

    @Option(
        help: ArgumentHelp(
            """
            The region of requests that do not fix a length: KIND:N, KIND:a<b,c<d or none. \
            (default: the one the checkpoint was trained for)
            """, valueName: "spec"))
    var share: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            The most layers that a request may have share. (default: as many as the checkpoint \
            was trained for, or --share has; without either, all but the first)
            """, valueName: "count"))
    var maxShare: Int?

    @Flag(
        help: """
            While requests queue, give those that do not fix a length a longer region, up to \
            --max-share; answers say so.
            """)
    var adaptiveShare = false

    @OptionGroup var template: ChatTemplateOption

    @Option(help: dtypeHelp)
    var dtype = ComputeType.float32

    @OptionGroup var weights: WeightsOption

    @OptionGroup(title: "Access") var access: AccessOptions
    @OptionGroup(title: "Capacity") var capacity: CapacityOptions
    @OptionGroup(title: "Bounds") var bounds: BoundOptions
    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        try require((0...65_535).contains(port), "--port is \(port). Use 0 to 65535.")
        try require(!host.isEmpty, "--host is empty. Name an address.")
        if let name {
            try require(
                !name.isEmpty && !name.contains(ServedSharing.mark),
                "--name is \"\(name)\". Use a name without \"\(ServedSharing.mark)\".")
        }
    }

    func run() throws {
        let keys = try access.keys()
        let folder = try source.open()
        let tokenizer = try loadTokenizer(at: folder.url)
        try requireInput(
            tokenizer.vocabularySize <= folder.config.vocabulary,
            "The tokenizer has \(tokenizer.vocabularySize) tokens, but the model knows \(folder.config.vocabulary). Put the model's own tokenizer into its folder."
        )
        let chat = try template.loadIfPresent(for: folder, tokenizer: tokenizer)
        let sharing = try servedSharing(folder)
        let engineOptions = try capacity.engineOptions(folder.config)
        var options = ServerOptions()
        options.host = host
        options.port = port
        options.keys = APIKeys(keys)
        options.limits = bounds.limits
        if adaptiveShare {
            try require(
                sharing.standard < sharing.maximum,
                "--adaptive-share has no longer region than \(sharing.standard) layers to give. Raise --max-share."
            )
            options.adaptiveShare = AdaptiveShare(
                from: sharing.standard, to: sharing.maximum)
        }
        if !access.quiet { options.log = { printError($0) } }

        let (client, cache) = try runtime.open()
        let engine = try Engine(
            folder.config,
            parameters: folder.upload(to: client, matrices: weights.format(dtype)), client: client,
            computeType: dtype.elementType, matrices: weights.format(dtype),
            options: engineOptions, cache: cache)
        let model = ServedModel(
            name: name ?? folder.servedName, tokenizer: tokenizer,
            stopTokens: folder.stopTokens(tokenizer), chat: chat, sharing: sharing,
            fingerprint: (["epas", dtype.rawValue] + [weights.weights?.rawValue].compactMap(\.self))
                .joined(separator: "-"))
        try serve(
            InferenceServer(engine: engine, model: model, options: options), engine, sharing,
            isOpen: keys.isEmpty)
    }

    private func servedSharing(_ folder: ModelFolder) throws -> ServedSharing {
        let layers = folder.config.layers
        var described = folder.description.sharing
        var maximum = maxShare
        if let share {
            let plan: SharingPlan
            do throws(ConfigError) {
                plan = try SharingPlan(parsing: share, layers: layers)
                described =
                    try described?.defaulting(to: plan, layers: layers)
                    ?? PublishedSharing(plan, layers: layers)
            } catch {
                throw ValidationError("--share: \(error.problem). \(error.remedy)")
            }
        }
        if described == nil || described?.maximumLayers == 0 {
            // Nothing is known of the model's training, so nothing is ruled out.
            maximum = maximum ?? layers - 1
        }
        do throws(ConfigError) {
            return try ServedSharing(
                described ?? PublishedSharing(kind: "qk", layers: 0, maximumLayers: 0),
                maximum: maximum, layers: layers)
        } catch {
            throw ValidationError("--\(error.key): \(error.problem). \(error.remedy)")
        }
    }

    private func serve(
        _ server: InferenceServer, _ engine: Engine, _ sharing: ServedSharing, isOpen: Bool
    ) throws {
        printError("Compiling the programs …")
        try engine.compile(sharing.standardPlan)
        // Other lengths compile while requests are answered.
        let thread = Thread {
            for plan in sharing.ownPlans where plan != sharing.standardPlan {
                do {
                    try engine.compile(plan)
                } catch {
                    printError("Error: \(sentence(about: error))")
                }
            }
        }
        thread.start()
        Interruption.claimFirst(
            saying: "Finishing the requests that run; a second signal ends at once.")
        let (name, host) = (server.model.name, host.contains(":") ? "[\(host)]" : host)
        if isOpen, !["127.0.0.1", "::1", "localhost"].contains(self.host) {
            printError(
                "Warning: anybody who reaches \(host) can use the server. Set EPAS_API_KEYS, or listen on 127.0.0.1."
            )
        }
        try blocking {
            let watch = Task {
                while Interruption.received == nil {
                    try await Task.sleep(for: .milliseconds(50))
                }
                await server.stop()
            }
            defer { watch.cancel() }
            try await server.run { port in
                printError(
                    "Serving \(name), sharing \(sharing.standardPlan.text(layers: sharing.layers)), on http://\(host):\(port)"
                )
            }
        }
        engine.cancelAll()
        engine.shutDown()
    }
}

/// Who may use a server, and what it says of them.
struct AccessOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            A file with the keys that open the server, one a line; beside EPAS_API_KEYS. \
            (default: none, and the server is open)
            """, valueName: "file"))
    var apiKeysFile: String?

    @Flag(help: "Do not write a line for each request to standard error.")
    var quiet = false

    /// Keys are not options: every user of a machine sees the options of its programs.
    func keys() throws -> [String] {
        var keys = (ProcessInfo.processInfo.environment["EPAS_API_KEYS"] ?? "")
            .split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        if let apiKeysFile {
            let text: String
            do {
                text = try String(contentsOf: URL(filePath: apiKeysFile), encoding: .utf8)
            } catch {
                throw InputError(
                    description:
                        "\(apiKeysFile) cannot be read as text. Name a file with a key a line.")
            }
            let lines = text.split(whereSeparator: \.isNewline)
                .map { $0.trimmingCharacters(in: .whitespaces) }
                .filter { !$0.isEmpty && !$0.hasPrefix("#") }
            try requireInput(
                !lines.isEmpty, "\(apiKeysFile) has no keys. Write one a line.")
            keys += lines
        }
        return keys.filter { !$0.isEmpty }
    }
}

/// How much a server does at once.
struct CapacityOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Texts that are made at once.", valueName: "count"))
    var slots = 16

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Texts that wait for a slot; further ones are refused with status 429.",
            valueName: "count"))
    var queue = 256

    @Option(
        help: ArgumentHelp(
            """
            Memory of the key-value cache, such as 512MiB or 2GB. (default: room for every slot \
            at half of the longest sequence)
            """, valueName: "size"))
    var cacheSize: ByteSize?

    @Option(
        help: ArgumentHelp(
            "The longest prompt and its new tokens together. (default: the model's)",
            valueName: "tokens"))
    var maxSequence: Int?

    @Option(
        help: ArgumentHelp("Prompt tokens that one program run processes.", valueName: "count"))
    var promptChunk = 128

    @Flag(help: "Do not keep the keys and values of earlier requests for like prompts.")
    var noPrefixCache = false

    func engineOptions(_ model: ModelConfig) throws -> EngineOptions {
        var options = EngineOptions()
        options.slots = slots
        options.queue = queue
        options.cacheBytes = cacheSize?.count
        options.promptChunk = promptChunk
        options.reusesPrefixes = !noPrefixCache
        if let maxSequence {
            note(sequence: maxSequence, beyond: model)
            options.maximumSequence = maxSequence
        }
        return options
    }
}

/// Bounds on what one client can ask for.
struct BoundOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The most new tokens of one text. (default: the longest sequence)", valueName: "count"))
    var maxTokens: Int?

    @Option(
        help: ArgumentHelp(
            "Texts that one request may ask for: prompts times best_of.", valueName: "count"))
    var maxTexts = ServerLimits().choices

    @Option(help: ArgumentHelp("The largest request body.", valueName: "size"))
    var maxBody = ByteSize(count: ServerLimits().bodyBytes)

    @Option(help: ArgumentHelp("Connections open at once.", valueName: "count"))
    var maxConnections = ServerLimits().connections

    @Option(help: ArgumentHelp("Seconds in which a request must be answered.", valueName: "time"))
    var timeout = ServerLimits().answerSeconds

    @Option(
        help: ArgumentHelp(
            "Seconds to finish what runs when the server is to end.", valueName: "time"))
    var drain = ServerLimits().drainSeconds

    func validate() throws {
        try requirePositive([
            ("max-texts", maxTexts), ("max-connections", maxConnections),
            ("max-tokens", maxTokens ?? 1),
        ])
        for (name, value) in [("timeout", timeout), ("drain", drain)] {
            try require(
                value > 0 && value <= 1e6, "--\(name) is \(value). Use seconds up to 1000000.")
        }
    }

    var limits: ServerLimits {
        var limits = ServerLimits()
        limits.maximumTokens = maxTokens
        limits.choices = maxTexts
        limits.bodyBytes = maxBody.count
        limits.allBodyBytes = max(limits.allBodyBytes, maxBody.count)
        limits.connections = maxConnections
        limits.answerSeconds = timeout
        limits.drainSeconds = drain
        return limits
    }
}

extension ModelFolder {
    /// The folder's name; that of a run's checkpoint is the run's.
    fileprivate var servedName: String {
        let path = url.standardizedFileURL.resolvingSymlinksInPath()
        let parent = path.deletingLastPathComponent()
        let folder =
            parent.lastPathComponent == "checkpoints" ? parent.deletingLastPathComponent() : path
        return folder.lastPathComponent
    }
}
