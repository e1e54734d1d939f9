import EPASConfig
import EPASModel
import EPASTesting
import Testing

@Suite("Sharing schedule (Algorithm 1)")
struct SharingScheduleTests {
    /// Algorithm 1's lists S and S_c, step by step as the paper writes it.
    struct Algorithm1 {
        var target: [Int]
        var sharing: [Int] = []
        let interval: Int
        let growth: Int

        /// Lines 22 to 25: what happens after step `t`.
        mutating func finish(step t: Int) {
            if t % interval == 0, target.count >= growth {
                sharing = Array(target.suffix(growth)) + sharing
                target.removeLast(growth)
            }
        }
    }

    @Test("equals Algorithm 1 for random I, S_c and B", arguments: 0..<100)
    func equalsAlgorithm1(seed: Int) throws {
        var generator = SplitMix(seed: UInt64(seed))
        let layers = Int.random(in: 2...40, using: &generator)
        let growth = Int.random(in: 1...4, using: &generator)
        let count = growth * Int.random(in: 1...10, using: &generator)
        guard count < layers else { return }
        let interval = Int.random(in: 1...9, using: &generator)
        let target = Array(layers - count..<layers)
        let schedule = try SharingSchedule(
            .queryKey, target: target, growth: growth, interval: interval, layers: layers)
        var paper = Algorithm1(target: target, interval: interval, growth: growth)
        for step in 1...interval * (count / growth + 3) {
            let plan = schedule.plan(atStep: step)
            #expect(plan.sharingLayers == paper.sharing)
            // "The source is the layer immediately before the sharing region."
            #expect(Set(plan.sources.values) == Set(paper.sharing.prefix(1).map { $0 - 1 }))
            paper.finish(step: step)
        }
        #expect(paper.sharing == target)
    }

    @Test("the first switch can come at another step")
    func firstSwitch() throws {
        let schedule = try SharingSchedule(
            .queryKey, target: 2..<6, growth: 2, interval: 100, firstSwitch: 10, layers: 6)
        let lengths = [1, 10, 11, 110, 111, .max].map { schedule.sharingLayers(atStep: $0) }
        #expect(lengths == [0, 0, 2, 2, 4, 4])
        #expect(schedule.switches(steps: 200).map(\.step) == [1, 11, 111])
        #expect(schedule.switches(steps: 110).map(\.step) == [1, 11])
        let atOnce = try SharingSchedule(
            .queryKey, target: [5], growth: 1, interval: 7, firstSwitch: 0, layers: 6)
        #expect(atOnce.sharingLayers(atStep: 1) == 1)
        #expect(atOnce.switches(steps: 50).map(\.step) == [1])
    }

    @Test("switches are the steps at which the plan changes", arguments: 0..<50)
    func switches(seed: Int) throws {
        var generator = SplitMix(seed: UInt64(seed))
        let count = Int.random(in: 1...6, using: &generator)
        let schedule = try SharingSchedule(
            .keyValue, target: 7 - count..<7, interval: Int.random(in: 1...5, using: &generator),
            firstSwitch: Int.random(in: 0...8, using: &generator), layers: 7)
        let steps = Int.random(in: 1...50, using: &generator)
        var expected: [Int] = [1]
        for step in 2..<steps + 1 where step <= steps {
            if schedule.plan(atStep: step) != schedule.plan(atStep: step - 1) {
                expected.append(step)
            }
        }
        #expect(schedule.switches(steps: steps).map(\.step) == expected)
    }

    @Test("several regions share from the layer before each, deepest first")
    func regions() throws {
        let schedule = try SharingSchedule(
            .queryKey, target: [2, 3, 6, 7], growth: 1, interval: 1, layers: 8)
        #expect(schedule.plan(sharing: 1).sources == [7: 6])
        #expect(schedule.plan(sharing: 2).sources == [6: 5, 7: 5])
        #expect(schedule.plan(sharing: 3).sources == [3: 2, 6: 5, 7: 5])
        #expect(schedule.finalPlan.sources == [2: 1, 3: 1, 6: 5, 7: 5])
    }

    @Test("what Algorithm 1 forbids is refused with what to write")
    func refusals() {
        func message(
            target: [Int] = [3, 4, 5], growth: Int = 1, interval: Int = 10, first: Int? = nil
        ) -> String? {
            #expect(throws: ConfigError.self) {
                try SharingSchedule(
                    .queryKey, target: target, growth: growth, interval: interval,
                    firstSwitch: first, layers: 6)
            }?.description
        }
        #expect(
            message(target: [])
                == "sharing.target: the region is empty. Name at least one layer, or leave out the sharing section."
        )
        #expect(
            message(target: [0, 1])
                == "sharing.target: layer 0 has no layer before it to share from. Start the region at layer 1 or deeper."
        )
        #expect(
            message(target: [6])
                == "sharing.target: layer 6 is not one of the model's 6 layers. Use layers 1 to 5.")
        #expect(
            message(growth: 2)
                == "sharing.growth: 2 does not divide the 3 target layers. Use one of 1, 3.")
        #expect(
            message(growth: 0)
                == "sharing.growth: 0 does not divide the 3 target layers. Use one of 1, 3.")
        #expect(
            message(growth: 4)
                == "sharing.growth: 4 does not divide the 3 target layers. Use one of 1, 3.")
        #expect(
            message(interval: 0)
                == "sharing.interval: 0 is not a number of steps. Use 1 or more.")
        #expect(
            message(first: -1) == "sharing.first_switch: -1 is not a step. Use 0 or more.")
    }

    @Test(
        "a run file's target names layers and sources",
        arguments: [
            (.fraction(0.5), 1, true, [4: 3, 5: 3, 6: 3, 7: 3]),
            (.count(2), 1, true, [6: 5, 7: 5]),
            (.fraction(0.375), 1, true, [5: 4, 6: 4, 7: 4]),
            (.count(2), 1, false, [5: 4, 6: 4]),
            (.count(4), 2, true, [2: 1, 3: 1, 6: 5, 7: 5]),
            (.layers([2, 3, 7]), 1, true, [2: 1, 3: 1, 7: 6]),
            (.pairs, 1, true, [1: 0, 3: 2, 5: 4, 7: 6]),
            (.groups(4), 1, true, [1: 0, 2: 0, 3: 0, 5: 4, 6: 4, 7: 4]),
            (.upperHalf, 1, true, [5: 4, 6: 4, 7: 4]),
            (
                .map([.init(layer: 7, source: 2), .init(layer: 5, source: 0)]), 1, true,
                [5: 0, 7: 2]
            ),
        ] as [(SharingSection.Target, Int, Bool, [Int: Int])])
    func targets(
        target: SharingSection.Target, regions: Int, includeLast: Bool, sources: [Int: Int]
    ) throws {
        let section = SharingSection(
            target: target, interval: 5, includeLast: includeLast, regions: regions)
        #expect(try SharingSchedule(section, layers: 8).finalPlan.sources == sources)
    }

    @Test(
        "a run file's target that the model cannot have is refused",
        arguments: [
            (
                .count(8), 1, true,
                "sharing.target: 8 sharing layers in one region do not fit into 8 layers, for each region needs a layer to share from. Use at most 7 layers."
            ),
            (
                .count(7), 1, false,
                "sharing.target: 7 sharing layers in one region do not fit into 7 layers, for each region needs a layer to share from. Use at most 6 layers."
            ),
            (
                .count(5), 2, true,
                "sharing.regions: 5 target layers do not split into 2 equal regions. Use a divisor of 5."
            ),
            (
                .fraction(0.05), 1, true,
                "sharing.target: the region is empty for a model of 8 layers. Use a larger fraction, or leave out the sharing section."
            ),
            (
                .groups(9), 1, true,
                "sharing.target: groups of 9 do not fit into 8 layers. Use groups of at most 8."
            ),
            (
                .layers([8]), 1, true,
                "sharing.target: layer 8 is not one of the model's 8 layers. Use layers 1 to 7."
            ),
        ] as [(SharingSection.Target, Int, Bool, String)])
    func refusedTargets(
        target: SharingSection.Target, regions: Int, includeLast: Bool, message: String
    ) {
        let section = SharingSection(
            target: target, interval: 5, includeLast: includeLast, regions: regions)
        let error = #expect(throws: ConfigError.self) {
            try SharingSchedule(section, layers: 8)
        }
        #expect(error?.description == message)
    }

    @Test("a fraction is not shortened by binary rounding")
    func fractionRounding() throws {
        let section = SharingSection(target: .fraction(0.29), interval: 5)
        #expect(try SharingSchedule(section, layers: 100).target == Array(71..<100))
    }
}
