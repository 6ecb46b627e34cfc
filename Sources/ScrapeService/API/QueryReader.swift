import HTTPCore

/// Reads a query strictly: each parameter once, known, and of its type.
struct QueryReader {
    static let defaultLimit = 100
    static let maxLimit = 1000

    private var values: [String: String] = [:]
    private let text: [(name: String, value: String)]

    init(_ request: Request, allowing names: [String]) throws(Problem) {
        text = request.queryItems
        for (name, value) in text {
            guard names.contains(name) else {
                throw .invalidQuery(name, "unknown; known are \(names.joined(separator: ", "))")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw .invalidQuery(name, "stands twice")
            }
        }
    }

    func string(_ name: String) -> String? { values[name] }

    func int(_ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let value = values[name] else { return nil }
        guard let int = Int(value), range.contains(int) else {
            let upper = range.upperBound == .max ? "or more" : "to \(range.upperBound)"
            throw .invalidQuery(name, "must be a whole number, \(range.lowerBound) \(upper)")
        }
        return int
    }

    func limit() throws(Problem) -> Int { try int("limit", in: 1...Self.maxLimit) ?? Self.defaultLimit }

    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, _ type: Choice.Type
    ) throws(Problem) -> Choice? where Choice.RawValue == String {
        guard let value = values[name] else { return nil }
        guard let choice = Choice(rawValue: value) else {
            throw .invalidQuery(
                name, "must be one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    /// The parts of a comma-separated list, none empty.
    func list(_ name: String) -> [String]? {
        values[name].map { $0.split(separator: ",").map(String.init) }
    }

    func position() throws(Problem) -> Position {
        guard let value = values["cursor"] else { return Position() }
        guard let position = Cursor.position(value) else {
            throw .invalidQuery("cursor", "is none of this service's")
        }
        return position
    }

    /// This request's path and query with another cursor.
    func link(_ path: String, cursor: String) -> String {
        let kept = text.filter { $0.name != "cursor" }.map { "\($0.name)=\(Self.encode($0.value))" }
        return path + "?" + (kept + ["cursor=\(cursor)"]).joined(separator: "&")
    }

    /// RFC 3986 §2.1: all but the unreserved characters.
    private static func encode(_ value: String) -> String {
        let hex = Array("0123456789ABCDEF".utf8)
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~,".utf8)
        var encoded: [UInt8] = []
        for byte in value.utf8 {
            if plain.contains(byte) {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
