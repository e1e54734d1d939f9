import EPASTraining
import Foundation

/// A table as pictures one above the other in an SVG file: what every task loses against no
/// sharing, over the region's length, the cache's bytes and, where they were measured, the speed.
package struct EvaluationPlot {
    private let table: EvaluationTable
    private static let size = (width: 760, height: 440)

    package init(_ table: EvaluationTable) {
        self.table = table
    }

    package var svg: String {
        let plots = [
            plot("layers that share") { Double($0.sharingLayers) },
            plot("bytes of key-value cache per token") { Double($0.cacheBytesPerToken) },
        ]
        let hasSpeeds = table.rows.contains { $0.tokensPerSecond != nil }
        let all = plots + (hasSpeeds ? [plot("tokens/s", \.tokensPerSecond)] : [])
        let (width, height) = Self.size
        let panels = all.enumerated().map { index, plot in
            """
            <svg x="0" y="\(index * height)" width="\(width)" height="\(height)">
            \(plot.svg)</svg>
            """
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height * all.count)">
            \(panels.joined(separator: "\n"))
            </svg>

            """
    }

    private func plot(_ label: String, _ x: (EvaluationTable.Row) -> Double?) -> LinePlot {
        let reference = table.full ?? table.rows.first
        let rows = table.rows.sorted { $0.sharingLayers < $1.sharingLayers }
        let tasks = reference?.tasks ?? []
        return LinePlot(
            title: "Change against \(reference?.share ?? "none")", xLabel: label,
            yLabel: "points of accuracy, percent of perplexity (up is better)",
            series: tasks.indices.map { index in
                let points = rows.compactMap { row in
                    x(row).map { ($0, y: -row.tasks[index].loss(against: tasks[index])) }
                }
                let metric = tasks[index].metrics.first?.name.rawValue ?? ""
                return LinePlot.Series(
                    name: "\(tasks[index].name) \(metric)", points: points, marks: points)
            })
    }
}
