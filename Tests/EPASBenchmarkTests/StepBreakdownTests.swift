import EPASRuntime
import Testing

@testable import EPASBenchmark

@Suite("a step's breakdown")
struct StepBreakdownTests {
    @Test("kernels' times and the rest add up to the step's")
    func parts() {
        let seconds = [
            "epas.product": 4.0, "epas.attention": 1, "epas.shared_attention_gradient": 2,
            "epas.cross_entropy": 3, "epas.rotary": 0.5, "epas.rms_norm": 0.125,
            "epas.rms_norm_gradient": 0.125,
            "epas.adamw": 0.125, "epas.sum_of_squares": 0.125, "other.kernel": 0.75,
        ]
        let kernels = KernelTimes(times: seconds.mapValues { .init(calls: 1, seconds: $0) })
        let parts = StepBreakdown(seconds: 13.75, kernels: kernels).seconds
        #expect(
            parts == [
                "products": 4, "attention": 3, "loss": 3, "rotary": 0.5, "norms": 0.25,
                "optimizer": 0.25, "other.kernel": 0.75, "rest": 2,
            ])
        #expect(
            StepBreakdown.sorted(parts).map(\.name) == [
                "products", "attention", "loss", "other.kernel", "rotary", "norms", "optimizer",
                "rest",
            ])
    }

    @Test("a step without kernels is all rest")
    func plain() {
        let parts = StepBreakdown(seconds: 2, kernels: KernelTimes(times: [:])).seconds
        #expect(parts == ["rest": 2])
    }
}
