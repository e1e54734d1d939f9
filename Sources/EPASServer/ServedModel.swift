import EPASInference
import EPASJSON
package import EPASTokenizer
import HTTPTypes

/// A model under the name that requests call it by.
package struct ServedModel: Sendable {
    package let name: String
    let tokenizer: any Tokenizer
    let texts: TokenTexts
    /// Tokens that end a text.
    let stopTokens: Set<Int32>
    /// Puts messages into the form that the model was trained on; `nil` if there is none.
    let chat: (any ChatRenderer)?
    let sharing: ServedSharing
    /// What beside the region length decides about results, such as the type of activations.
    let fingerprint: String

    package init(
        name: String, tokenizer: any Tokenizer, stopTokens: Set<Int32>,
        chat: (any ChatRenderer)? = nil, sharing: ServedSharing, fingerprint: String
    ) {
        self.name = name
        self.tokenizer = tokenizer
        texts = TokenTexts(tokenizer)
        self.stopTokens = stopTokens
        self.chat = chat
        self.sharing = sharing
        self.fingerprint = fingerprint
    }

    /// Reads the model's name in a request, which may end in a region length.
    func alias(of requested: String) throws(APIError) -> SharingAlias? {
        if requested == name { return nil }
        if requested.hasPrefix(name + ServedSharing.mark),
            let alias = SharingAlias(requested.dropFirst(name.count + ServedSharing.mark.count))
        {
            return alias
        }
        throw APIError(
            .notFound,
            "There is no model \"\(shown(requested))\". Use \"\(shown(name))\", or "
                + "\"\(shown(name))\(ServedSharing.mark)N\" with N from 0 to \(sharing.maximum).",
            parameter: "model", code: "model_not_found")
    }

    func systemFingerprint(_ sharing: ChosenSharing) -> String {
        "\(fingerprint)-\(sharing.text)"
    }
}
