/// A message of a chat.
package struct ChatMessage: Hashable, Sendable {
    package let role: String
    package let content: String
    package let name: String?

    package init(role: String, content: String, name: String? = nil) {
        self.role = role
        self.content = content
        self.name = name
    }
}

/// Puts a chat into the form that a model was trained on.
package protocol ChatRenderer: Sendable {
    /// Returns the tokens after which the model's next message begins. Text of messages that
    /// spells a special token stays text.
    ///
    /// - Throws: an error that describes itself in a sentence, if the messages do not fit.
    func prompt(_ messages: [ChatMessage]) throws -> [Int32]
}
