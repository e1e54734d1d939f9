import Foundation

/// A folder that lasts as long as this test run.
enum TestFolder {
    static let shared: URL = {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "epas tests \(UUID().uuidString)")
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            fatalError("\(folder.path): \(error)")
        }
        atexit { try? FileManager.default.removeItem(at: TestFolder.shared) }
        return folder
    }()
}
