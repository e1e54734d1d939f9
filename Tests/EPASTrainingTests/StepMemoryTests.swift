import EPASTraining
import Testing

@Suite("Memory of a step")
struct StepMemoryTests {
    @Test("what does not fit is said with what to do, and what fits is not")
    func shortage() {
        let memory = StepMemory(state: 1_500_000_000, temporary: 3_500_000_000)
        #expect(
            memory.text
                == "weights and moments 1.4 GiB, activations and other temporary memory 3.3 GiB")
        #expect(memory.shortage(available: 3_500_000_000, remedy: "") == nil)
        #expect(
            memory.shortage(available: 104_857_600, remedy: "Lower training.batch.")
                == "A step needs 3.3 GiB besides weights and moments, but only 100.0 MiB of memory "
                + "are free. Lower training.batch.")
    }
}
