import ArgumentParser
import EPASCheckpoint
import EPASConfig
import EPASInference
import EPASModel
import EPASServer
import EPASTokenizer
import EPASTraining
import Foundation

/// `epas chat`: a conversation on a terminal.
struct ChatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Talk with a model, at any region length.",
        discussion: """
            Each line is a message; a line that begins with a slash is a command: /share N, \
            /system TEXT, /reset, /help, /exit. Control-C stops an answer, Control-D ends the \
            chat. Where standard input is no terminal, its lines are the messages, and only \
            answers are printed.
            """)

    @OptionGroup var source: CheckpointArgument

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("What the model is told before the chat begins.", valueName: "text"))
    var system: String?

    @Option(help: ArgumentHelp("The most tokens of an answer.", valueName: "count"))
    var maxTokens = 512

    @OptionGroup var template: ChatTemplateOption

    @Option(
        help: ArgumentHelp(
            """
            Layers that share: KIND:N, KIND:a<b,c<d or none. (default: as the checkpoint was \
            trained for)
            """, valueName: "spec"))
    var share: String?

    @Option(help: dtypeHelp)
    var dtype = ComputeType.float32

    @OptionGroup var weights: WeightsOption

    @OptionGroup(title: "Sampling") var sampling: SamplingOptions
    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        try requirePositive([("max-tokens", maxTokens)])
    }

    func run() throws {
        let folder = try source.open()
        let layers = folder.config.layers
        let published = folder.description.sharing
        var plan = try published?.plan(sharing: published?.layers ?? 0, layers: layers) ?? .none
        if let share { plan = try ShareOption.plan(share, layers: layers) }
        let tokenizer = try loadTokenizer(at: folder.url)
        let renderer = try template.load(for: folder, tokenizer: tokenizer)

        let (client, cache) = try runtime.open()
        var options = EngineOptions()
        options.slots = 1
        let engine = try Engine(
            folder.config,
            parameters: folder.upload(to: client, matrices: weights.format(dtype)), client: client,
            computeType: dtype.elementType, matrices: weights.format(dtype),
            options: options, cache: cache)
        defer { engine.shutDown() }
        try engine.compile(plan)
        var chat = ChatSession(
            engine: engine, tokenizer: tokenizer, renderer: renderer,
            stopTokens: folder.stopTokens(tokenizer), sampling: sampling, maxTokens: maxTokens,
            published: published, plan: plan, system: system)
        try chat.run()
    }
}

/// A conversation and the settings that its commands change.
private struct ChatSession {
    let engine: Engine
    let tokenizer: any Tokenizer
    let renderer: TemplateChat
    let stopTokens: Set<Int32>
    let sampling: SamplingOptions
    let maxTokens: Int
    let published: PublishedSharing?
    var plan: SharingPlan
    var system: String?
    private var messages: [ChatMessage] = []
    /// Answers so far, so that each has a seed of its own.
    private var answers: UInt64 = 0
    private let isTerminal = isatty(STDIN_FILENO) == 1

    init(
        engine: Engine, tokenizer: any Tokenizer, renderer: TemplateChat, stopTokens: Set<Int32>,
        sampling: SamplingOptions, maxTokens: Int, published: PublishedSharing?,
        plan: SharingPlan, system: String?
    ) {
        self.engine = engine
        self.tokenizer = tokenizer
        self.renderer = renderer
        self.stopTokens = stopTokens
        self.sampling = sampling
        self.maxTokens = maxTokens
        self.published = published
        self.plan = plan
        self.system = system
    }

    private var planText: String { plan.text(layers: engine.model.layers) }

    mutating func run() throws {
        if isTerminal { printError("Sharing \(planText). /help lists the commands.") }
        while true {
            if isTerminal { try write("> ") }
            guard let line = readLine() else {
                if isTerminal { try printLine() }
                return
            }
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.isEmpty { continue }
            if text.hasPrefix("/") {
                guard try obey(text) else { return }
            } else {
                try answer(line)
            }
        }
    }

    /// Does what a command says; returns whether the chat goes on.
    private mutating func obey(_ line: String) throws -> Bool {
        let parts = line.split(separator: " ", maxSplits: 1)
        let argument = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
        switch parts[0] {
        case "/share": share(argument)
        case "/system":
            system = argument.isEmpty ? nil : argument
            messages = []
            printError("A new chat has begun.")
        case "/reset":
            messages = []
            printError("A new chat has begun.")
        case "/help":
            printError(
                """
                /share N      let the last N layers share from now on; also KIND:N or none
                /system TEXT  tell the model something, and begin a new chat
                /reset        begin a new chat
                /exit         end
                """)
        case "/exit", "/quit": return false
        default: printError("There is no command \(parts[0]). /help lists them.")
        }
        return true
    }

    private mutating func share(_ argument: String) {
        let layers = engine.model.layers
        do {
            if argument.isEmpty {
                printError("Sharing \(planText).")
                return
            }
            if let count = Int(argument) {
                plan = try plan(sharing: count, layers: layers)
            } else {
                plan = try SharingPlan(parsing: argument, layers: layers)
            }
            try engine.compile(plan)
            printError("Sharing \(planText).")
        } catch let error as ConfigError {
            printError("\(error.problem.capitalizedFirst). \(error.remedy)")
        } catch {
            printError("Error: \(sentence(about: error))")
        }
    }

    /// The checkpoint's own plan of that length, or the last layers of a kind.
    private func plan(sharing count: Int, layers: Int) throws(ConfigError) -> SharingPlan {
        if let published, count <= published.maximumLayers {
            return try published.plan(sharing: count, layers: layers)
        }
        let kind = published.flatMap { SharingKind(rawValue: $0.kind) } ?? .queryKey
        return try SharingPlan(kind, last: count, layers: layers)
    }

    private mutating func answer(_ text: String) throws {
        let message = ChatMessage(role: "user", content: text)
        let before = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
        let prompt: [Int32]
        do {
            prompt = try renderer.prompt(before + messages + [message])
        } catch {
            printError("Error: \(sentence(about: error))")
            return
        }
        let room = engine.maximumSequence - prompt.count
        guard room >= 1 else {
            printError(
                "The chat has \(prompt.count) tokens, but the model's longest sequence is \(engine.maximumSequence). Begin a new one with /reset."
            )
            return
        }
        let request = GenerationRequest(
            prompt: prompt, plan: plan,
            sampler: try sampling.sampler(
                temperature: 0.7, seed: sampling.seed &+ answers),
            maximumTokens: min(maxTokens, room), stopTokens: stopTokens)
        answers &+= 1
        Interruption.claimFirst(saying: "")
        defer { Interruption.release() }
        let (engine, tokenizer, stops) = (engine, tokenizer, sampling.stop)
        let answer = try blocking {
            try await Continuation(
                request, on: engine, tokenizer: tokenizer, stops: stops,
                isWanted: { Interruption.received == nil }, write: { try epas.write($0) })
        }
        try printLine()
        messages += [message, ChatMessage(role: "assistant", content: answer.text)]
        guard isTerminal, isatty(STDERR_FILENO) == 1 else { return }
        var note = "[\(planText)"
        if let speed = answer.speed { note += "; \(speed.sentence)" }
        if case .length = answer.end { note += "; stopped at the limit" }
        printError(note + "]")
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
