package import EPASArray
import EPASJSON
import Foundation

/// Checks that a file has exactly the expected tensors.
///
/// - Parameters:
///   - converting: Whether any floating-point type may stand for any other.
///   - ignoring: Says of an unexpected tensor whether it may be there.
/// - Throws: ``CheckpointError`` naming everything missing, unexpected or of another shape.
package func checkTensors(
    _ file: SafetensorsFile, expected: [String: Shape], converting: Bool = false,
    ignoring: (String) -> Bool = { _ in false }
) throws(CheckpointError) {
    try checkTensors(
        file.entries, of: file.url.path, expected: expected, converting: converting,
        ignoring: ignoring)
}

/// Checks the tensors of a folder, as of a file.
package func checkTensors(
    _ weights: ModelWeights, expected: [String: Shape], converting: Bool = false,
    ignoring: (String) -> Bool = { _ in false }
) throws(CheckpointError) {
    try checkTensors(
        weights.entries, of: weights.folder.path, expected: expected, converting: converting,
        ignoring: ignoring)
}

/// Tensors that an error names: all of any model's, but not all that a file can make up.
private let namesLimit = 2048

private func checkTensors(
    _ entries: [String: SafetensorsEntry], of source: String, expected: [String: Shape],
    converting: Bool, ignoring: (String) -> Bool
) throws(CheckpointError) {
    var problems: [String] = []
    let missing = expected.keys.filter { entries[$0] == nil }.sorted()
    if !missing.isEmpty {
        problems.append("tensors are missing: \(listed(missing, limit: namesLimit))")
    }
    let unexpected = entries.keys.filter { expected[$0] == nil && !ignoring($0) }.sorted()
    if !unexpected.isEmpty {
        problems.append("tensors are unexpected: \(listed(unexpected, limit: namesLimit))")
    }
    var others: [String] = []
    for (name, shape) in expected.sorted(by: { $0.key < $1.key }) {
        guard let entry = entries[name] else { continue }
        let type = SafetensorsType.elementType(entry.typeName)
        let isRightType =
            type == shape.elementType
            || converting && type?.isFloatingPoint == true && shape.elementType.isFloatingPoint
        if !isRightType || entry.dimensions != shape.dimensions {
            let wanted = "\(SafetensorsType.name(shape.elementType))\(shape.dimensions)"
            others.append(
                "\"\(shown(name))\" is \(entry.typeName)\(entry.dimensions) instead of \(wanted)")
        }
    }
    problems += others.prefix(namesLimit)
    if others.count > namesLimit {
        problems.append("\(others.count - namesLimit) more tensors differ so")
    }
    guard problems.isEmpty else {
        throw CheckpointError(
            source, problems, remedy: "Use the weights that belong to this configuration.")
    }
}
