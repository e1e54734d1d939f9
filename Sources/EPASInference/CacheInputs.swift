import EPASArray

/// The arguments of a ``CacheProgram`` that change from run to run.
struct CacheInputs {
    /// In the program's order.
    let arrays: [HostArray]

    /// - Parameter planes: Planes of the program's plan.
    init(_ program: CacheProgram, rows ranges: [RowRange], planes: Int) {
        // Rows without a token: no position to attend from, no block to write to.
        var tokens = [Int32](repeating: 0, count: program.rows)
        var positions = [Int32](repeating: -1, count: program.rows)
        var sequences = [Int32](repeating: 0, count: program.rows)
        var offsets = [Int32](repeating: 0, count: program.rows)
        var targets = [Int32](repeating: -1, count: planes * program.rows)
        var tables = [Int32](repeating: 0, count: planes * program.sequences * program.columns)

        var row = 0
        for (index, range) in ranges.enumerated() {
            let sequence = range.sequence
            for plane in 0..<planes {
                let start = (plane * program.sequences + index) * program.columns
                let blocks = sequence.blocks[plane]
                let needed = range.positions.upperBound.dividedRoundingUp(by: BlockPool.length)
                for column in 0..<needed { tables[start + column] = blocks[column] }
            }
            for position in range.positions {
                tokens[row] = sequence.tokens[position]
                positions[row] = Int32(position)
                sequences[row] = Int32(index)
                offsets[row] = Int32(position % BlockPool.length)
                for plane in 0..<planes {
                    targets[plane * program.rows + row] =
                        sequence.blocks[plane][position / BlockPool.length]
                }
                row += 1
            }
        }
        arrays = [
            HostArray(tokens, [program.rows]), HostArray(positions, [program.rows]),
            HostArray(sequences, [program.rows]),
            HostArray(tables, [planes, program.sequences, program.columns]),
            HostArray(targets, [planes, program.rows]), HostArray(offsets, [program.rows]),
        ]
    }
}

extension Int {
    /// How many parts of this size the number fills or begins.
    func dividedRoundingUp(by size: Int) -> Int { (self + size - 1) / size }
}
