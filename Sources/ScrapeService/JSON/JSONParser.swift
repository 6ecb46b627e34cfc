/// Reads what clients send as JSON (RFC 8259): strict, names unique, bounded depth.
enum JSONParser {
    static let maxDepth = JSONRules.strict.maxDepth

    static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
        let document = try JSONDocument(bytes, rules: .strict)
        try checkCharacters(document)
        return document.value(of: 0)
    }

    /// Strings must be UTF-8 (RFC 8259 §8.1).
    private static func checkCharacters(_ document: JSONDocument) throws(JSONError) {
        let bytes = document.bytes
        guard String(validating: bytes, as: UTF8.self) == nil else { return }
        for node in document.nodes {
            let name = Int(node.name)..<Int(node.name + node.nameLength)
            let text = node.kind == .string ? Int(node.start)..<Int(node.end) : 0..<0
            for range in [name, text] where String(validating: bytes[range], as: UTF8.self) == nil {
                throw bytes.withUnsafeBufferPointer {
                    JSONError("the string is not UTF-8", at: range.lowerBound - 1, in: $0)
                }
            }
        }
    }
}
