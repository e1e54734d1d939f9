import EPASTraining
import Testing

@Suite("Learning rate")
struct LearningRateTests {
    func rates(
        _ schedule: LearningRate.Schedule, warmup: Int, steps: Int, decay: Int = 0, at: [Int]
    ) -> [Double] {
        let rate = LearningRate(
            schedule: schedule, peak: 1, final: 0.1, warmup: warmup, steps: steps, decay: decay)
        return at.map { (rate.rate(atStep: $0) * 1e6).rounded() / 1e6 }
    }

    @Test("rises linearly to the peak, then half a cosine to the final rate")
    func cosine() {
        #expect(
            rates(.cosine, warmup: 10, steps: 110, at: [1, 5, 10, 60, 110, 200])
                == [0.1, 0.5, 1, 0.55, 0.1, 0.1])
    }

    @Test("holds the peak until the last steps, then falls linearly")
    func warmupStableDecay() {
        #expect(
            rates(
                .warmupStableDecay, warmup: 2, steps: 20, decay: 10, at: [1, 2, 3, 10, 11, 15, 20])
                == [0.5, 1, 1, 1, 0.91, 0.55, 0.1])
    }

    @Test("a constant rate stays at the peak")
    func constant() {
        #expect(rates(.constant, warmup: 0, steps: 5, at: [1, 5, 50]) == [1, 1, 1])
    }

    @Test("a run that is all warm-up reaches the peak at its end")
    func onlyWarmup() {
        #expect(rates(.cosine, warmup: 4, steps: 4, at: [1, 4]) == [0.25, 1])
    }
}
