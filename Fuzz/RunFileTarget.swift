import EPASConfig
import EPASModel

extension FuzzTarget {
    /// A run file, resolved as far as it goes without data.
    func readRunFile(_ bytes: UnsafeRawBufferPointer) {
        guard let text = String(validating: bytes, as: UTF8.self),
            let config = try? RunConfig(yaml: text)
        else { return }
        guard let again = try? RunConfig(yaml: config.yaml), again == config else {
            fatalError("written and read again, the run file differs:\n\(config.yaml)")
        }
        guard let model = try? ModelConfig(config.model, vocabulary: 512),
            let schedule = try? SharingSchedule(config.sharing, layers: model.layers)
        else { return }
        for length in config.validation.lengths { _ = try? schedule.sharingLayers(length) }
        for step in [1, config.training.steps] { _ = schedule.plan(atStep: step) }
    }
}
