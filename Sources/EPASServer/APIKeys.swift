import Crypto

/// The keys that open the server; without any, it is open.
package struct APIKeys: Sendable {
    /// Digests, so that comparing takes the same time whatever a guess has in common with a key.
    private let digests: [SHA256.Digest]

    package init(_ keys: [String]) {
        digests = keys.map { SHA256.hash(data: Array($0.utf8)) }
    }

    package var isOpen: Bool { digests.isEmpty }

    /// Whether an `Authorization` header names one of the keys.
    func accept(_ authorization: String?) -> Bool {
        if isOpen { return true }
        guard let authorization else { return false }
        let scheme = "bearer "
        guard authorization.utf8.count >= scheme.utf8.count,
            authorization.prefix(scheme.count).lowercased() == scheme
        else { return false }
        let digest = SHA256.hash(data: Array(authorization.utf8.dropFirst(scheme.utf8.count)))
        var isKnown = false
        // Every key is compared, and every byte.
        for known in digests {
            var difference: UInt8 = 0
            for (left, right) in zip(known, digest) { difference |= left ^ right }
            if difference == 0 { isKnown = true }
        }
        return isKnown
    }
}
