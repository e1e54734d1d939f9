import Dispatch
import EPASData
import Foundation
import Synchronization

/// Ends a preparation on SIGINT and SIGTERM, leaving no half-made folder behind.
final class Interrupt {
    private let folder = Folder()
    private let sources: [any DispatchSourceSignal]

    init() {
        // A full quota and a closed pipe are errors of the call, not the end of the program.
        for code in [SIGXFSZ, SIGPIPE] { signal(code, SIG_IGN) }
        let folder = folder
        sources = [SIGINT, SIGTERM].map { code in
            signal(code, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: code, queue: .global())
            source.setEventHandler {
                folder.value.withLock { $0?.abandon() }
                let text = "\nInterrupted; nothing was written.\n"
                try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
                _exit(128 + code)
            }
            source.activate()
            return source
        }
    }

    func abandonsOnSignal(_ output: OutputFolder) {
        folder.value.withLock { $0 = output }
    }
}

private final class Folder: Sendable {
    let value = Mutex<OutputFolder?>(nil)
}
