import ArgumentParser
import EPASArray
import EPASData
import Foundation

/// `epas data batches`: what a run trains on, for training elsewhere on the same.
struct DataBatchesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batches",
        abstract: "Print the batches that a run trains on.",
        discussion: """
            Each line is a batch as JSON: a list of sequences, each with one token more than \
            --sequence, for the model reads all but the last and predicts all but the first. A \
            run with accumulation takes several batches a step.
            """)

    @Argument(help: "A folder made by `epas data prepare`.")
    var data: String

    @Option(help: "Sequences in a batch.")
    var batch = 8

    @Option(help: "Tokens in a sequence.")
    var sequence = 256

    @Option(help: "The run's training.seed.")
    var seed: UInt64 = 1

    @Option(help: "Batches to leave out at the start.")
    var skip = 0

    @Option(help: "Batches to print.")
    var count = 1

    func validate() throws {
        for (name, value) in [("batch", batch), ("sequence", sequence), ("count", count)] {
            try require(1...1_048_576 ~= value, "--\(name) is \(value); use 1 to 1048576.")
        }
        try require(
            0...1_000_000_000 ~= skip, "--skip is \(skip); use 0 to 1000000000.")
    }

    func run() throws {
        let dataset = try TokenDataset(URL(filePath: data), split: .train)
        var stream = try BatchStream(
            dataset, batch: batch, sequence: sequence, seed: seed,
            cursor: Cursor(sequences: skip * batch))
        for _ in 0..<count {
            let tokens = try stream.next().tokens.elements(as: Int32.self)
            try printJSON(
                stride(from: 0, to: tokens.count, by: sequence + 1).map {
                    Array(tokens[$0..<$0 + sequence + 1])
                })
        }
    }
}
