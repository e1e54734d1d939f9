internal import Foundation

/// Which functions of ours programs may call, for comparing them with the plain operations that
/// stand in for those that are left out.
package struct KernelChoice: Hashable, Sendable {
    /// `nil` stands for all.
    private let names: Set<String>?

    package static let all = KernelChoice(names: nil)

    private init(names: Set<String>?) { self.names = names }

    /// Reads `all`, `none`, or names separated by commas.
    package init(_ text: String) {
        switch text {
        case "all", "": self = .all
        case "none": names = []
        default: names = Set(text.split(separator: ",").map(String.init))
        }
    }

    /// The environment's `EPAS_CPU_KERNELS`, else all.
    package static func resolved(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> KernelChoice {
        KernelChoice(environment["EPAS_CPU_KERNELS"] ?? "")
    }

    /// Returns the chosen ones of those that there are.
    ///
    /// - Throws: ``RuntimeError/unusableOption(_:)`` for a name that is not among them.
    package func chosen(from available: Set<String>) throws(RuntimeError) -> Set<String> {
        guard let names else { return available }
        if let unknown = names.subtracting(available).min() {
            throw .unusableOption(
                "EPAS_CPU_KERNELS names \"\(unknown)\", which is no kernel; use all, none, or some "
                    + "of \(available.sorted().joined(separator: ",")).")
        }
        return names
    }
}
