/// A name from a file as an error shows it: one line, of bounded length.
package func shown(_ name: String) -> String {
    var text = ""
    for scalar in name.unicodeScalars.prefix(120) {
        text += scalar.properties.generalCategory == .control ? "?" : String(scalar)
    }
    return name.unicodeScalars.count > 120 ? text + "…" : text
}
