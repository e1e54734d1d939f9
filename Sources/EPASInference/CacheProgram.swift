import EPASArray
import EPASGraph
import EPASModel

/// A program that runs rows through the model and the key-value cache. A row is one token of some
/// sequence; the rows of a run may belong to several.
///
/// Dimensions: M rows, S sequences, P planes, C blocks per sequence.
///
/// Arguments, in order: the block pool (donated), the model's parameters, the cosines and sines of
/// all positions, then the run's own: tokens [M], positions [M], the row's sequence [M], tables
/// [P, S, C] of block numbers, the blocks to write to [P, M], and the offset in them [M], all
/// int32. Results: the logits [M, V] where the purpose has them, then the pool.
struct CacheProgram: Hashable {
    enum Purpose: Hashable {
        /// Logits of every row.
        case logits
        /// No logits: only fills the cache.
        case fill
    }

    let plan: SharingPlan
    let purpose: Purpose
    let rows: Int
    let sequences: Int
    let columns: Int

    /// The program's text.
    ///
    /// - Parameters:
    ///   - matrices: How the model's matrices are passed.
    ///   - blocks: Blocks of the pool.
    ///   - positions: Rows of the table of cosines.
    ///   - kernels: The kernels that the plugin has.
    func text(
        _ model: ModelConfig, computeType: ElementType, matrices: MatrixFormat, blocks: Int,
        positions: Int, kernels: Set<String>
    ) -> String {
        let graph = Graph(kernels: kernels)
        let pool = graph.parameter(
            "pool", Shape(computeType, CachedRows.poolDimensions(model, blocks: blocks)))
        let llama = Llama(model, computeType: computeType, matrices: matrices, graph: graph)
        let angles = Shape(.float32, [positions, model.headDimension / 2])
        let cosines = graph.parameter("cosines", angles)
        let sines = graph.parameter("sines", angles)
        func input(_ name: String, _ dimensions: [Int]) -> Tensor {
            graph.parameter(name, Shape(.int32, dimensions))
        }
        let planes = plan.cachePlanes(layers: model.layers)
        let rows = CachedRows(
            tokens: input("tokens", [rows]), positions: input("positions", [rows]),
            sequences: input("sequences", [rows]),
            tables: input("tables", [planes.count, sequences, columns]),
            targets: input("targets", [planes.count, rows]), offsets: input("offsets", [rows]),
            planes: planes, cosines: cosines, sines: sines)
        switch purpose {
        case .logits:
            let (hidden, filled) = llama.advance(rows, pool: pool, plan: plan)
            return graph.program(
                named: "decode", returning: [llama.logits(ofRows: hidden), filled],
                donating: [0: 1])
        case .fill:
            let filled = llama.fill(rows, pool: pool, plan: plan)
            return graph.program(named: "fill", returning: [filled], donating: [0: 0])
        }
    }
}
