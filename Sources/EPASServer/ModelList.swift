import EPASModel

/// The model and its aliases, as `/v1/models` lists them.
struct ModelList {
    private let server: InferenceServer

    init(_ server: InferenceServer) {
        self.server = server
    }

    /// The model under its name, and under an alias for each region length.
    var all: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("object", "list")
            writer.key("data")
            writer.array { writer in
                write(name: server.model.name, count: server.model.sharing.standard, &writer)
                for count in 0...server.model.sharing.maximum {
                    write(
                        name: "\(server.model.name)\(ServedSharing.mark)\(count)", count: count,
                        &writer)
                }
            }
        }
        return writer.bytes
    }

    func one(_ alias: SharingAlias?) throws(APIError) -> [UInt8] {
        let sharing = try server.model.sharing.choose(
            alias: alias, field: nil, header: nil, loadCount: nil)
        var name = server.model.name
        if let alias {
            name += ServedSharing.mark
            if let kind = alias.kind { name += "\(kind.rawValue):" }
            name += "\(alias.count)"
        }
        var writer = JSONWriter()
        write(name: name, count: sharing.count, kind: alias?.kind?.rawValue, &writer)
        return writer.bytes
    }

    private func write(
        name: String, count: Int, kind: String? = nil, _ writer: inout JSONWriter
    ) {
        writer.object { writer in
            writer.field("id", name)
            writer.field("object", "model")
            writer.field("created", server.started)
            writer.field("owned_by", "epas")
            writer.field("max_model_len", server.engine.maximumSequence)
            writer.field("sharing_kind", kind ?? server.model.sharing.kind.rawValue)
            writer.field("sharing_layers", count)
            writer.field("max_sharing_layers", server.model.sharing.maximum)
        }
    }
}
