import BasicContainers
import EPASArray
import EPASModel
import EPASRuntime
import EPASTraining
import Foundation
import Testing

@Test func scratchTiming() throws {
    let env = ProcessInfo.processInfo.environment
    guard let preset = env["SCRATCH_MODEL"] else { return }
    let base = ModelConfig(preset: preset)!
    let B = Int(env["B"] ?? "4")!, T = Int(env["T"] ?? "512")!
    let V = Int(env["V"] ?? "\(base.vocabulary)")!
    let model = try ModelConfig(layers: base.layers, width: base.width, heads: base.heads, keyValueHeads: base.keyValueHeads, feedForward: base.feedForward, vocabulary: V)
    let plan = try SharingPlan(parsing: env["SHARE"] ?? "none", layers: model.layers)
    let type: ElementType = env["DT"] == "bf16" ? .bfloat16 : .float32
    let client = try Client(Plugin.load(.cpu))
    let program = TrainingProgram(model: model, plan: plan, computeType: type, batch: B, sequence: T, optimizer: AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1), clip: 1)
    let clock = ContinuousClock()
    var t0 = clock.now
    let text = program.step()
    print("text", text.utf8.count, (clock.now - t0))
    if let out = env["DUMP"] { try text.write(toFile: out, atomically: true, encoding: .utf8) }
    t0 = clock.now
    var options = CompileOptions()
    for o in (env["OPTS"] ?? "").split(separator: ",") { let kv = o.split(separator: "="); options.overrides[String(kv[0])] = .text(String(kv[1])) }
    let step = try StepExecutable(program, accumulation: 1) { try client.compile($0, options: options) }
    print("compile", clock.now - t0)
    t0 = clock.now
    var state = try TrainingState(startingFrom: model, client: client) { model.initialValue(of: $0, seed: 1) }
    print("init", clock.now - t0)
    let tokens = HostArray((0..<B * (T + 1)).map { Int32(($0 * 7919) % V) }, [B, T + 1])
    for i in 1...5 {
        t0 = clock.now
        let outcome = try step(&state, batches: [tokens], step: i, learningRate: 3e-4)
        let s = (clock.now - t0).inSeconds
        print(i, outcome.loss, outcome.gradientNorm, s, Double(B * T) / s, "tok/s")
    }
}
