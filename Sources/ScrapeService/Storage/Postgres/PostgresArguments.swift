import Foundation

/// One parameter of a statement. Text has no NUL in Postgres: each becomes U+FFFD.
enum PostgresValue: Sendable {
    case bool(Bool)
    case int(Int64)
    case smallInt(Int)
    case integer(Int)
    case double(Double)
    case text(String?)
    case json(String?)
    case uuid(UUID)
    case bytes([UInt8])
    /// Days since 2000-01-01.
    case date(Int32)
    case timestamp(Date?)
    case ints([Int64])
    case int4s([Int?])
    case doubles([Double?])
    case bigints([Int?])
    case texts([String?])
    case jsons([String])
    case uuids([UUID])
    case bytesArray([[UInt8]])

    static func int(_ value: Int) -> PostgresValue { .int(Int64(value)) }
}

/// The parameters of one statement in Postgres's binary format, one after another in one buffer.
///
/// Made by the caller, on its own thread: the event loop only hands the buffer to libpq.
struct PostgresArguments: Sendable, ExpressibleByArrayLiteral {
    /// Object ids of the types, from the server's catalogue `pg_type.dat`: fixed for ever.
    enum TypeID {
        static let bool: UInt32 = 16
        static let bytea: UInt32 = 17
        static let int8: UInt32 = 20
        static let int2: UInt32 = 21
        static let int4: UInt32 = 23
        static let text: UInt32 = 25
        static let json: UInt32 = 114
        static let jsonArray: UInt32 = 199
        static let byteaArray: UInt32 = 1001
        static let float8: UInt32 = 701
        static let int4Array: UInt32 = 1007
        static let textArray: UInt32 = 1009
        static let int8Array: UInt32 = 1016
        static let float8Array: UInt32 = 1022
        static let date: UInt32 = 1082
        static let timestamptz: UInt32 = 1184
        static let uuid: UInt32 = 2950
        static let uuidArray: UInt32 = 2951
    }

    private(set) var types: [UInt32] = []
    /// Begins with one unused byte, so that even an empty value has an address.
    private(set) var bytes: [UInt8] = [0]
    /// Offset and length of each value; length −1 is NULL.
    private(set) var spans: [(offset: Int, length: Int)] = []

    var count: Int { types.count }

    init(arrayLiteral elements: PostgresValue...) {
        self.init(elements)
    }

    init(_ values: [PostgresValue]) {
        for value in values { append(value) }
    }

    mutating func append(_ value: PostgresValue) {
        switch value {
        case .bool(let value): add(TypeID.bool) { $0.append(value ? 1 : 0) }
        case .int(let value): add(TypeID.int8) { $0.append(bigEndian: value) }
        case .smallInt(let value): add(TypeID.int2) { $0.append(bigEndian: Int16(clamping: value)) }
        case .integer(let value): add(TypeID.int4) { $0.append(bigEndian: Int32(clamping: value)) }
        case .double(let value): add(TypeID.float8) { $0.append(bigEndian: value.bitPattern) }
        case .text(let value): addOptional(TypeID.text, value) { $0.append(text: $1) }
        case .json(let value): addOptional(TypeID.json, value) { $0.append(text: $1) }
        case .uuid(let value): add(TypeID.uuid) { $0.append(uuid: value) }
        case .bytes(let value): add(TypeID.bytea) { $0.append(contentsOf: value) }
        case .date(let value): add(TypeID.date) { $0.append(bigEndian: value) }
        case .timestamp(let value):
            addOptional(TypeID.timestamptz, value) { $0.append(bigEndian: PostgresTime.microseconds(of: $1)) }
        default: appendArray(value)
        }
    }

    private mutating func appendArray(_ value: PostgresValue) {
        switch value {
        case .ints(let values):
            addArray(TypeID.int8Array, of: TypeID.int8, values) { $0.append(bigEndian: $1) }
        case .int4s(let values):
            addArray(TypeID.int4Array, of: TypeID.int4, values) { $0.append(bigEndian: Int32(clamping: $1)) }
        case .bigints(let values):
            addArray(TypeID.int8Array, of: TypeID.int8, values) { $0.append(bigEndian: Int64($1)) }
        case .doubles(let values):
            addArray(TypeID.float8Array, of: TypeID.float8, values) { $0.append(bigEndian: $1.bitPattern) }
        case .texts(let values):
            addArray(TypeID.textArray, of: TypeID.text, values) { $0.append(text: $1) }
        case .jsons(let values):
            addArray(TypeID.jsonArray, of: TypeID.json, values) { $0.append(text: $1) }
        case .uuids(let values):
            addArray(TypeID.uuidArray, of: TypeID.uuid, values) { $0.append(uuid: $1) }
        case .bytesArray(let values):
            addArray(TypeID.byteaArray, of: TypeID.bytea, values) { $0.append(contentsOf: $1) }
        default: break
        }
    }

    private mutating func add(_ type: UInt32, _ write: (inout [UInt8]) -> Void) {
        let offset = bytes.count
        write(&bytes)
        types.append(type)
        spans.append((offset, bytes.count - offset))
    }

    private mutating func addOptional<Value>(
        _ type: UInt32, _ value: Value?, _ write: (inout [UInt8], Value) -> Void
    ) {
        guard let value else {
            types.append(type)
            spans.append((bytes.count, -1))
            return
        }
        add(type) { write(&$0, value) }
    }

    /// The binary form of a one-dimensional array: dimensions, has-null flag, element type, length, lower
    /// bound, then each element behind its length (server source, `array_recv`).
    private mutating func addArray<Element>(
        _ type: UInt32, of element: UInt32, _ values: [Element?], _ write: (inout [UInt8], Element) -> Void
    ) {
        add(type) { bytes in
            bytes.append(bigEndian: Int32(values.isEmpty ? 0 : 1))
            bytes.append(bigEndian: Int32(values.contains { $0 == nil } ? 1 : 0))
            bytes.append(bigEndian: element)
            guard !values.isEmpty else { return }
            bytes.append(bigEndian: Int32(values.count))
            bytes.append(bigEndian: Int32(1))
            for value in values {
                guard let value else {
                    bytes.append(bigEndian: Int32(-1))
                    continue
                }
                let start = bytes.count
                bytes.append(bigEndian: Int32(0))
                write(&bytes, value)
                bytes.write(bigEndian: Int32(bytes.count - start - 4), at: start)
            }
        }
    }
}

/// Postgres counts microseconds from 2000-01-01T00:00:00Z.
enum PostgresTime {
    static let epoch: TimeInterval = 946_684_800

    static func microseconds(of date: Date) -> Int64 {
        Int64(((date.timeIntervalSince1970 - epoch) * 1_000_000).rounded())
    }

    static func date(microseconds: Int64) -> Date {
        Date(timeIntervalSince1970: epoch + Double(microseconds) / 1_000_000)
    }
}

extension [UInt8] {
    fileprivate mutating func append<Value: FixedWidthInteger>(bigEndian value: Value) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    fileprivate mutating func write<Value: FixedWidthInteger>(bigEndian value: Value, at offset: Int) {
        withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: value.bigEndian, toByteOffset: offset, as: Value.self)
        }
    }

    fileprivate mutating func append(uuid: UUID) {
        Swift.withUnsafeBytes(of: uuid.uuid) { append(contentsOf: $0) }
    }

    fileprivate mutating func append(text: String) {
        let start = count
        append(contentsOf: text.utf8)
        if self[start...].contains(0) {
            let clean = self[start...].split(separator: 0, omittingEmptySubsequences: false)
                .joined(separator: Array("\u{FFFD}".utf8))
            replaceSubrange(start..., with: Array(clean))
        }
    }
}
