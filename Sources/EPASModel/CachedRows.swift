package import EPASArray
package import EPASGraph
import Foundation

/// Rows of a run through the key-value cache: each is one token of some sequence.
///
/// The cache is one pool of blocks. A block holds a plane's keys, or values, of
/// ``blockLength`` consecutive tokens of a sequence, and a sequence's table names its blocks in
/// order. So layers that need no keys, or neither keys nor values, take no memory.
///
/// Dimensions: M rows, S sequences, P planes, C blocks per sequence, K key heads, H head.
package struct CachedRows {
    /// Tokens in a block.
    package static let blockLength = 32

    /// int32 [M].
    package let tokens: Tensor
    /// Each token's place in its sequence, int32 [M]; below 0 for a row that is nobody's.
    package let positions: Tensor
    /// Which of the tables is the row's, int32 [M].
    package let sequences: Tensor
    /// Block numbers, int32 [P, S, C].
    package let tables: Tensor
    /// The block that the row's keys or values go to, int32 [P, M]; below 0 for none.
    package let targets: Tensor
    /// The place in that block, int32 [M].
    package let offsets: Tensor
    /// What the tables' planes hold.
    package let planes: [CachePlane]
    /// cos and sin of every position's angles, float32 [positions, H/2].
    package let cosines: Tensor
    package let sines: Tensor

    package init(
        tokens: Tensor, positions: Tensor, sequences: Tensor, tables: Tensor, targets: Tensor,
        offsets: Tensor, planes: [CachePlane], cosines: Tensor, sines: Tensor
    ) {
        self.tokens = tokens
        self.positions = positions
        self.sequences = sequences
        self.tables = tables
        self.targets = targets
        self.offsets = offsets
        self.planes = planes
        self.cosines = cosines
        self.sines = sines
    }

    /// The dimensions of a pool: [blocks, K, block length · H].
    package static func poolDimensions(_ model: ModelConfig, blocks: Int) -> [Int] {
        [blocks, model.keyValueHeads, blockLength * model.headDimension]
    }

    /// A plane's place among the tables and targets.
    func index(of plane: CachePlane) -> Int {
        guard let index = planes.firstIndex(of: plane) else {
            fatalError("the cache has no \(plane.kind) plane for layer \(plane.layer)")
        }
        return index
    }

}

extension ModelConfig {
    /// cos and sin of each position's angles, float32 [positions, H/2] each, computed in float64.
    package func rotaryTables(positions: Int) -> (cosines: HostArray, sines: HostArray) {
        let frequencies = rotaryFrequencies
        var cosines: [Float] = []
        var sines: [Float] = []
        cosines.reserveCapacity(positions * frequencies.count)
        sines.reserveCapacity(positions * frequencies.count)
        for position in 0..<positions {
            for frequency in frequencies {
                let angle = Double(position) * frequency
                cosines.append(Float(cos(angle)))
                sines.append(Float(sin(angle)))
            }
        }
        let dimensions = [positions, frequencies.count]
        return (HostArray(cosines, dimensions), HostArray(sines, dimensions))
    }
}
