// The command that Scripts/fuzz.sh builds and runs: `epas-fuzz TARGET [libFuzzer options] CORPUS`,
// `epas-fuzz seeds FIXTURES CORPORA`, or `epas-fuzz judge FOLDER`, which prints of each file of a
// folder whether it is a safetensors file, or why not.
//
// libFuzzer: <https://llvm.org/docs/LibFuzzer.html>, called by `LLVMFuzzerRunDriver` so that one
// program has every target.

import EPASCheckpoint
import Foundation
import Glibc

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ input: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

@main
enum FuzzCommand {
    static func main() {
        let names = FuzzTarget.allCases.map(\.rawValue)
        let arguments = CommandLine.arguments
        if arguments.count == 4, arguments[1] == "seeds" {
            do {
                return try Seeds(fixtures: URL(filePath: arguments[2])).write(
                    to: URL(filePath: arguments[3]))
            } catch {
                stop("The seeds could not be written: \(error)")
            }
        }
        if arguments.count == 3, arguments[1] == "judge" {
            return judge(URL(filePath: arguments[2]))
        }
        guard arguments.count > 1, let target = FuzzTarget(rawValue: arguments[1]) else {
            stop("Usage: epas-fuzz TARGET [OPTION...] CORPUS, TARGET one of \(names)")
        }
        FuzzTarget.chosen = target
        // libFuzzer sees the arguments after the target's name.
        var count = CommandLine.argc - 1
        var values = CommandLine.unsafeArgv + 1
        values[0] = CommandLine.unsafeArgv[0]
        exit(
            runDriver(&count, &values) { start, count in
                FuzzTarget.chosen.run(UnsafeRawBufferPointer(start: start, count: count))
                return 0
            })
    }

    private static func judge(_ folder: URL) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names.sorted() {
            do throws(CheckpointError) {
                let file = try SafetensorsFile(folder.appending(path: name))
                print("\(name)\taccepted\t\(file.names.count)")
            } catch {
                print("\(name)\trefused\t\(error.problems.joined(separator: "; "))")
            }
        }
    }

    private static func stop(_ message: String) -> Never {
        FileHandle.standardError.write(Data((message + "\n").utf8))
        exit(64)
    }
}
