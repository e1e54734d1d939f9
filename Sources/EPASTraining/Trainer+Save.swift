import BasicContainers
import EPASArray
import EPASCheckpoint
import EPASConfig
import EPASModel
import EPASRuntime
import EPASTokenizer

extension Trainer {
    /// Saves the state after the current step as a checkpoint, and removes the oldest beyond
    /// `checkpoint.keep`.
    ///
    /// - Throws: ``CheckpointError``; the checkpoints so far stay as they are.
    func save() throws {
        try metrics.synchronize()
        let parameters = setup.model.parameters
        let index = Dictionary(
            uniqueKeysWithValues: parameters.enumerated().map { ($0.element.name, $0.offset) })
        let shapes = parameters.map { ($0.name, $0.shape(.float32)) }
        let moments = shapes.flatMap { name, shape in
            ResumePoint.momentNames(name).map { ($0, shape.with(setup.optimizer.momentType)) }
        }
        let momentIndex = Dictionary(
            uniqueKeysWithValues: parameters.enumerated().flatMap { offset, parameter in
                ResumePoint.momentNames(parameter.name).enumerated().map {
                    ($0.element, $0.offset * parameters.count + offset)
                }
            })
        var description = HuggingFaceConfig(setup.model, sharing: setup.schedule)
        description.elementType = .float32
        description.beginningOfSequence = tokenizer.beginningOfSequence.map(Int.init)
        let end = tokenizer.endOfSequence.map(Int.init)
        description.endOfSequence =
            [end].compactMap(\.self) + inheritedEnds.filter { $0 != end }
        let next = setup.schedule.plan(atStep: progress.step + 1)
        let url = try folder.checkpoints.save(
            step: progress.step, keep: setup.config.checkpoint.keep
        ) { draft in
            try draft.write(HuggingFaceConfig.fileName, description)
            try draft.writeTensors(
                "model.safetensors", Dictionary(uniqueKeysWithValues: shapes)
            ) { name in try state.parameters[index[name]!].hostArray() }
            for file in tokenizer.files { try draft.write(file.name, file.contents) }
            try draft.writeTensors(
                "optimizer.safetensors", Dictionary(uniqueKeysWithValues: moments)
            ) { name in try state.moments[momentIndex[name]!].hostArray() }
            try draft.write(
                "state.json",
                SavedState(
                    progress: progress, identity: identity,
                    share: next.text(layers: setup.model.layers), machine: machine))
        }
        report(.saved(step: progress.step, url))
    }
}
