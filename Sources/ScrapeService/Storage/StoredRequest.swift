import Foundation

extension PageRequest {
    /// As the column `request` has it; the same request gives the same text.
    var stored: String {
        var writer = JSONWriter(capacity: 128 + (body?.utf8.count ?? 0))
        writer.object { members in
            // In the order of their names, always: pages are told apart by this text.
            if let body {
                members.key("body")
                members.string(body)
            }
            members.key("headers")
            members.array { list in
                for header in headers {
                    list.object { field in
                        field.key("name")
                        field.string(header.name)
                        field.key("value")
                        field.string(header.value)
                    }
                }
            }
            members.key("method")
            members.string(method)
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    init(stored json: String) throws(PostgresError) {
        do {
            self = try JSONDecoder().decode(PageRequest.self, from: Data(json.utf8))
        } catch {
            throw PostgresError(.statement, "a stored request does not decode")
        }
    }
}
