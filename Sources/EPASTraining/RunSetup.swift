package import EPASArray
package import EPASConfig
package import EPASModel
import EPASRuntime

/// A run file resolved against its data and model: everything that a step depends on.
package struct RunSetup: Sendable {
    package let config: RunConfig
    package let model: ModelConfig
    package let schedule: SharingSchedule
    /// The plans to validate at, shortest region first.
    package let validationPlans: [SharingPlan]
    package let learningRate: LearningRate
    package let optimizer: AdamW
    package let computeType: ElementType

    /// - Parameters:
    ///   - vocabulary: The tokenizer's vocabulary.
    ///   - folder: The shape of the checkpoint that `model.from` names, if it does.
    /// - Throws: ``ConfigError`` with what this model cannot do.
    package init(
        _ config: RunConfig, vocabulary: Int, folder: ModelConfig? = nil
    ) throws(ConfigError) {
        self.config = config
        model = try ModelConfig(config.model, folder: folder, vocabulary: vocabulary)
        schedule = try SharingSchedule(config.sharing, layers: model.layers)
        var counts: Set<Int> = []
        for length in config.validation.lengths {
            counts.insert(try schedule.sharingLayers(length))
        }
        validationPlans = counts.sorted().map(schedule.plan(sharing:))

        let training = config.training
        let rate = training.learningRate
        let (shape, final, decay): (LearningRate.Schedule, Double, Int) =
            switch rate.schedule {
            case .cosine(let final): (.cosine, final, 0)
            case .warmupStableDecay(let final, let decay): (.warmupStableDecay, final, decay)
            case .constant: (.constant, rate.peak, 0)
            }
        learningRate = LearningRate(
            schedule: shape, peak: rate.peak, final: final, warmup: rate.warmup,
            steps: training.steps, decay: decay)
        optimizer = AdamW(
            beta1: training.beta1, beta2: training.beta2, epsilon: training.epsilon,
            weightDecay: training.weightDecay,
            momentType: training.moments == .bfloat16 ? .bfloat16 : .float32)
        computeType = training.precision == .bfloat16 ? .bfloat16 : .float32
    }

    /// Tokens that one step trains on.
    package var tokensPerStep: Int {
        config.training.batch * config.training.accumulation * config.training.sequence
    }

    /// The model's floating-point operations, forward and backward, of one step under a plan.
    package func flopsPerStep(_ plan: SharingPlan) -> Double {
        let sequences = config.training.batch * config.training.accumulation
        return Double(sequences)
            * model.flops(sequence: config.training.sequence, plan: plan).training
    }

    /// - Parameter kernels: The kernels that the plugin has.
    package func trainingProgram(_ plan: SharingPlan, kernels: Set<String>) -> TrainingProgram {
        TrainingProgram(
            model: model, plan: plan, computeType: computeType, batch: config.training.batch,
            sequence: config.training.sequence, optimizer: optimizer, clip: config.training.clip,
            kernels: kernels, rematerialization: config.training.rematerialization,
            mostKeptBytes: HostMemory.mostKeptBytes)
    }

    /// - Parameter kernels: The kernels that the plugin has.
    package func lossProgram(_ plan: SharingPlan, kernels: Set<String>) -> LossProgram {
        LossProgram(model: model, plan: plan, computeType: computeType, kernels: kernels)
    }
}
