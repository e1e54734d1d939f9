import Foundation

/// What the pictures have in common.
enum SVG {
    /// A text element, its content escaped.
    static func text(
        _ text: String, x: Double, y: Double, anchor: String, extra: String = ""
    ) -> String {
        let escaped = text.replacingOccurrences(of: "&", with: "&amp;")
            .replacingOccurrences(of: "<", with: "&lt;").replacingOccurrences(of: ">", with: "&gt;")
        return String(
            format: "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%@\"%@>%@</text>", x, y, anchor,
            extra, escaped)
    }
}
