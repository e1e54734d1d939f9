import EPASConfig
import Foundation
import Testing

@Suite("Recipes")
struct RecipeTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Recipes").standardized

    @Test("every committed run file is accepted, with and without sharing")
    func recipes() throws {
        let files = try FileManager.default.contentsOfDirectory(
            at: Self.folder, includingPropertiesForKeys: nil
        ).filter { $0.pathExtension == "yaml" }
        #expect(files.contains { $0.lastPathComponent == "demo.yaml" })
        for file in files {
            let config = try RunConfig.load(file)
            // One recipe is the base that others train on from.
            #expect(
                (config.sharing == nil) == (file.lastPathComponent == "small-base.yaml"),
                "\(file.lastPathComponent)")
            let baseline = try RunConfig.load(file, overrides: ["sharing=null"])
            #expect(baseline.sharing == nil, "\(file.lastPathComponent)")
            #expect(baseline.training == config.training, "\(file.lastPathComponent)")
        }
    }
}
