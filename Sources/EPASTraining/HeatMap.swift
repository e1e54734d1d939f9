import Foundation

/// Square matrices as coloured cells, side by side in one SVG file.
package struct HeatMap: Sendable {
    package struct Panel: Sendable {
        package let title: String
        /// [row][column]; values from 0 (light) to 1 (dark), others are clamped.
        package let values: [[Double]]

        package init(title: String, values: [[Double]]) {
            self.title = title
            self.values = values
        }
    }

    package let title: String
    /// What rows and columns are.
    package let axisLabel: String
    package let panels: [Panel]

    package init(title: String, axisLabel: String, panels: [Panel]) {
        self.title = title
        self.axisLabel = axisLabel
        self.panels = panels
    }

    private static let side = 264.0
    private static let gap = 56.0

    /// The picture as SVG 1.1 text.
    package var svg: String {
        let width = Double(panels.count) * (Self.side + Self.gap) + Self.gap
        let height = Self.side + 128
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(width)) \(number(height))" \
            font-family="sans-serif" font-size="11">
            """,
            "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
            SVG.text(title, x: width / 2, y: 24, anchor: "middle", extra: " font-size=\"15\""),
        ]
        for (index, panel) in panels.enumerated() {
            let left = Self.gap + Double(index) * (Self.side + Self.gap)
            lines += cells(of: panel, left: left, top: 64)
        }
        return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
    }

    private func cells(of panel: Panel, left: Double, top: Double) -> [String] {
        let count = panel.values.count
        let cell = Self.side / Double(max(1, count))
        let step = max(1, count / 8)
        var lines = [
            SVG.text(panel.title, x: left + Self.side / 2, y: top - 12, anchor: "middle"),
            SVG.text(
                axisLabel, x: left + Self.side / 2, y: top + Self.side + 32, anchor: "middle"),
        ]
        for (row, values) in panel.values.enumerated() {
            for (column, value) in values.enumerated() {
                lines.append(
                    "<rect x=\"\(number(left + Double(column) * cell))\" y=\"\(number(top + Double(row) * cell))\" width=\"\(number(cell + 0.3))\" height=\"\(number(cell + 0.3))\" fill=\"\(color(value))\"><title>\(row), \(column): \(String(format: "%.3f", value))</title></rect>"
                )
            }
            guard row.isMultiple(of: step) else { continue }
            let middle = (Double(row) + 0.5) * cell
            lines.append(SVG.text("\(row)", x: left - 5, y: top + middle + 4, anchor: "end"))
            lines.append(
                SVG.text("\(row)", x: left + middle, y: top + Self.side + 14, anchor: "middle"))
        }
        return lines
    }

    /// From near white to dark blue, evenly in lightness.
    private func color(_ value: Double) -> String {
        let t = value.isFinite ? min(1, max(0, value)) : 0
        func mix(_ light: Double, _ dark: Double) -> Int {
            Int((light + t * (dark - light)).rounded())
        }
        return String(format: "#%02x%02x%02x", mix(247, 8), mix(251, 48), mix(255, 107))
    }

    private func number(_ value: Double) -> String { String(format: "%.1f", value) }
}
