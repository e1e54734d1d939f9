package import EPASArray
import EPASJSON
package import Foundation

/// The tensors of a Hugging Face folder: one file, or several with an index.
package struct ModelWeights: Sendable {
    let folder: URL
    private let files: [SafetensorsFile]
    /// Which of the files holds a tensor.
    private let places: [String: Int]

    /// Opens `model.safetensors`, or the files that `model.safetensors.index.json` names.
    package init(_ folder: URL) throws(CheckpointError) {
        self.folder = folder
        let single = folder.appendingPathComponent("model.safetensors")
        if isPresent(single) {
            let file = try SafetensorsFile(single)
            files = [file]
            places = file.entries.mapValues { _ in 0 }
            return
        }
        let index = folder.appendingPathComponent("model.safetensors.index.json")
        guard isPresent(index) else {
            throw CheckpointError(
                folder.path, "there is no model.safetensors and no model.safetensors.index.json",
                remedy: "Name a folder with a model's weights in safetensors files.")
        }
        let map = try Self.map(index)
        var files: [SafetensorsFile] = []
        let absent = Set(map.values).sorted().filter {
            !isPresent(folder.appendingPathComponent($0))
        }
        guard absent.isEmpty else {
            throw CheckpointError(
                index.path, "files that it names are missing: \(listed(absent))",
                remedy: "Copy or download the folder again.")
        }
        for name in Set(map.values).sorted() {
            files.append(try SafetensorsFile(folder.appendingPathComponent(name)))
        }
        var places: [String: Int] = [:]
        var problems: [String] = []
        for (position, file) in files.enumerated() {
            let name = file.url.lastPathComponent
            let listedHere = map.filter { $0.value == name }.keys
            let missing = listedHere.filter { file.entries[$0] == nil }.sorted()
            let unlisted = file.names.filter { map[$0] != name }
            if !missing.isEmpty { problems.append("\(name) lacks \(listed(missing))") }
            if !unlisted.isEmpty {
                problems.append("\(name) has \(listed(unlisted)), which it should not have")
            }
            for tensor in listedHere { places[tensor] = position }
        }
        guard problems.isEmpty else {
            throw CheckpointError(
                index.path, problems, remedy: "Copy or download the folder again.")
        }
        self.files = files
        self.places = places
    }

    /// Reads an index: the file of each tensor.
    private static func map(_ index: URL) throws(CheckpointError) -> [String: String] {
        func malformed(_ problem: String) -> CheckpointError {
            CheckpointError(index.path, problem, remedy: "Copy or download the folder again.")
        }
        guard case .object(let entries)? = try JSONValue.load(index)["weight_map"] else {
            throw malformed("it has no weight_map")
        }
        var map: [String: String] = [:]
        for (tensor, file) in entries {
            guard let name = file.string, isPlainFileName(name), name.hasSuffix(".safetensors")
            else {
                throw malformed(
                    "tensor \"\(shown(tensor))\" is in \(file.quotation), "
                        + "which is no safetensors file of the folder")
            }
            map[tensor] = name
        }
        return map
    }

    package var names: [String] { places.keys.sorted() }

    /// Every tensor's entry, by name.
    package var entries: [String: SafetensorsEntry] {
        var entries: [String: SafetensorsEntry] = [:]
        for (name, place) in places { entries[name] = files[place].entries[name] }
        return entries
    }

    private func file(of name: String) throws(CheckpointError) -> SafetensorsFile {
        guard let place = places[name] else {
            throw CheckpointError(
                folder.path, "there is no tensor \"\(shown(name))\"",
                remedy: "Use one of \(listed(names)).")
        }
        return files[place]
    }

    /// Returns a tensor that borrows its file's memory; see ``SafetensorsFile/array(_:)``.
    package func array(_ name: String) throws(CheckpointError) -> HostArray {
        try file(of: name).array(name)
    }

    package func shape(_ name: String) throws(CheckpointError) -> Shape {
        try file(of: name).shape(name)
    }

    /// Gives back the memory that reading a tensor took; it can be read again.
    package func releasePages(of name: String) {
        if let place = places[name] { files[place].releasePages(of: name) }
    }
}
