import EPASTraining
import FoundationXML
import Testing

import struct Foundation.Data
import class Foundation.NSObject

@Suite("Pictures")
struct PictureTests {
    /// The elements of an XML text by name, or `nil` if it is not well-formed.
    private func elements(_ text: String) -> [String: Int]? {
        let parser = XMLParser(data: Data(text.utf8))
        let counter = Counter()
        parser.delegate = counter
        return parser.parse() ? counter.counts : nil
    }

    private final class Counter: NSObject, XMLParserDelegate {
        var counts: [String: Int] = [:]

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
            qualifiedName: String?, attributes: [String: String]
        ) { counts[name, default: 0] += 1 }
    }

    @Test("a plot has a line per series and a dot per mark, and leaves out what is not finite")
    func plot() {
        let plot = LinePlot(
            title: "a < b & c", xLabel: "x", yLabel: "y",
            series: [
                .init(name: "one", points: [(0, 1), (1, .nan), (2, 3)], marks: [(1, 1)]),
                .init(name: "two", points: [(0, 5), (3, 5)], marks: [(2, .infinity), (0, 4)]),
            ])
        let found = elements(plot.svg)
        #expect(found?["polyline"] == 2)
        #expect(found?["circle"] == 2)
        #expect(!plot.svg.contains("nan"))
    }

    @Test("a plot without points, or of equal points, is still a picture", arguments: [[], [7.0]])
    func degenerate(values: [Double]) {
        let plot = LinePlot(
            title: "t", xLabel: "x", yLabel: "y",
            series: [.init(name: "s", points: values.map { ($0, $0) })])
        #expect(elements(plot.svg) != nil)
        #expect(!plot.svg.contains("nan"))
        #expect(!plot.svg.contains("inf"))
    }

    @Test("a heat map has a cell per value")
    func heatMap() {
        let map = HeatMap(
            title: "t", axisLabel: "layer",
            panels: [
                .init(title: "p", values: [[1, 0.5], [.nan, -3]]), .init(title: "q", values: [[2]]),
            ])
        // One more is the background.
        #expect(elements(map.svg)?["rect"] == 6)
    }
}
