import Foundation
import Yams

/// The contract as JSON: `openapi.yaml`, value for value and in its order.
enum ContractJSON {
    /// Throws Yams' errors where `yaml` is none, or empty.
    static func bytes(of yaml: [UInt8]) throws -> [UInt8] {
        guard let document = try Yams.compose(yaml: String(decoding: yaml, as: UTF8.self)) else { return [] }
        return try value(of: document).bytes
    }

    private static func value(of node: Node) throws -> JSONValue {
        switch node {
        case .mapping(let mapping):
            return .object(
                try mapping.map { JSONValue.Member($0.key.string ?? "", try value(of: $0.value)) })
        case .sequence(let sequence): return .array(try sequence.map(value))
        case .scalar, .alias: return scalar(node)
        }
    }

    /// As Yams tells the types of scalars apart; what is none of JSON's, a date say, is text.
    private static func scalar(_ node: Node) -> JSONValue {
        switch node.any {
        case let flag as Bool: .bool(flag)
        case let number as Int: .number(String(number))
        case let number as Double: .number(String(number))
        case is NSNull: .null
        default: .string(node.scalar?.string ?? "")
        }
    }
}
