// A line plot as an SVG file: axes with round ticks, a legend, one line per series.

import Foundation

/// Lines over a common pair of axes.
package struct LinePlot: Sendable {
    /// One line.
    package struct Series: Sendable {
        package let name: String
        package let points: [(x: Double, y: Double)]
        /// Points to mark with a dot each, such as validations among training steps.
        package let marks: [(x: Double, y: Double)]

        package init(
            name: String, points: [(x: Double, y: Double)], marks: [(x: Double, y: Double)] = []
        ) {
            self.name = name
            self.points = points.filter { $0.x.isFinite && $0.y.isFinite }
            self.marks = marks.filter { $0.x.isFinite && $0.y.isFinite }
        }
    }

    package let title: String
    package let xLabel: String
    package let yLabel: String
    package let series: [Series]

    package init(title: String, xLabel: String, yLabel: String, series: [Series]) {
        self.title = title
        self.xLabel = xLabel
        self.yLabel = yLabel
        self.series = series
    }

    private static let size = (width: 760.0, height: 440.0)
    private static let margin = (left: 64.0, right: 20.0, top: 40.0, bottom: 52.0)
    /// Colours that differ also for colour-blind readers (Okabe & Ito, 2008).
    private static let colors = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]

    /// The plot as SVG 1.1 text.
    package var svg: String {
        let all = series.flatMap { $0.points + $0.marks }
        let x = Axis(all.map(\.x))
        let y = Axis(all.map(\.y))
        let (width, height) = Self.size
        let (left, right) = (Self.margin.left, width - Self.margin.right)
        let (top, bottom) = (Self.margin.top, height - Self.margin.bottom)
        func place(_ point: (x: Double, y: Double)) -> String {
            let px = left + x.fraction(point.x) * (right - left)
            let py = bottom - y.fraction(point.y) * (bottom - top)
            return "\(decimal(px)),\(decimal(py))"
        }
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(decimal(width)) \(decimal(height))" \
            font-family="sans-serif" font-size="12">
            """,
            "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
            SVG.text(title, x: width / 2, y: 22, anchor: "middle", extra: " font-size=\"15\""),
            SVG.text(xLabel, x: (left + right) / 2, y: height - 12, anchor: "middle"),
            SVG.text(
                yLabel, x: 18, y: (top + bottom) / 2, anchor: "middle",
                extra: " transform=\"rotate(-90 18 \(decimal((top + bottom) / 2)))\""),
        ]
        for tick in x.ticks {
            let px = left + x.fraction(tick) * (right - left)
            lines.append(line(px, top, px, bottom))
            lines.append(SVG.text(x.label(tick), x: px, y: bottom + 16, anchor: "middle"))
        }
        for tick in y.ticks {
            let py = bottom - y.fraction(tick) * (bottom - top)
            lines.append(line(left, py, right, py))
            lines.append(SVG.text(y.label(tick), x: left - 6, y: py + 4, anchor: "end"))
        }
        for (index, one) in series.enumerated() {
            let color = Self.colors[index % Self.colors.count]
            if one.points.count > 1 {
                lines.append(
                    "<polyline fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.5\" points=\"\(one.points.map(place).joined(separator: " "))\"/>"
                )
            }
            for mark in one.marks {
                let at = place(mark).split(separator: ",")
                lines.append(
                    "<circle cx=\"\(at[0])\" cy=\"\(at[1])\" r=\"3.5\" fill=\"\(color)\"/>")
            }
            let row = top + 16 + 18 * Double(index)
            lines.append(
                "<line x1=\"\(decimal(right - 190))\" y1=\"\(decimal(row - 4))\" x2=\"\(decimal(right - 166))\" y2=\"\(decimal(row - 4))\" stroke=\"\(color)\" stroke-width=\"3\"/>"
            )
            lines.append(SVG.text(one.name, x: right - 160, y: row, anchor: "start"))
        }
        return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
    }

    private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
        "<line x1=\"\(decimal(x1))\" y1=\"\(decimal(y1))\" x2=\"\(decimal(x2))\" y2=\"\(decimal(y2))\" stroke=\"#dddddd\"/>"
    }

    private func decimal(_ value: Double) -> String { String(format: "%.1f", value) }
}

/// A range of values with round ticks.
private struct Axis {
    let low: Double
    let high: Double
    let step: Double

    init(_ values: [Double]) {
        let smallest = values.min() ?? 0
        let largest = max(values.max() ?? 1, smallest + 1e-9)
        // About six ticks, at one, two or five times a power of ten.
        let rough = (largest - smallest) / 6
        let power = pow(10, floor(log10(rough)))
        step = ([1, 2, 5].map { $0 * power }.first { $0 >= rough }) ?? 10 * power
        low = floor(smallest / step) * step
        high = ceil(largest / step) * step
    }

    var ticks: [Double] {
        (0...Int(((high - low) / step).rounded())).map { low + Double($0) * step }
    }

    func fraction(_ value: Double) -> Double { (value - low) / (high - low) }

    func label(_ tick: Double) -> String {
        let decimals = max(0, Int(-floor(log10(step) + 1e-9)))
        return String(format: "%.\(decimals)f", tick)
    }
}
