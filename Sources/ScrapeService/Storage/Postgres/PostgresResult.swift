import Foundation

/// The rows of one statement, copied out of libpq into one buffer; all values in binary format.
struct PostgresResult: Sendable {
    var columns = 0
    var rowCount = 0
    /// Rows inserted, updated, deleted or selected.
    var affected = 0
    fileprivate var bytes: [UInt8] = []
    /// Offset and length of each value, row by row; length −1 is NULL.
    fileprivate var spans: [(offset: Int, length: Int)] = []

    init(columns: Int = 0, rowCount: Int = 0) {
        self.columns = columns
        self.rowCount = rowCount
    }

    var isEmpty: Bool { rowCount == 0 }

    var rows: some Sequence<PostgresRow> {
        (0..<rowCount).lazy.map { PostgresRow(result: self, row: $0) }
    }

    var first: PostgresRow? { rowCount > 0 ? PostgresRow(result: self, row: 0) : nil }

    mutating func reserve(values: Int, bytes count: Int) {
        spans.reserveCapacity(values)
        bytes.reserveCapacity(count)
    }

    /// Appends the next value, in reading order. Nil is NULL.
    mutating func append(_ value: UnsafeRawBufferPointer?) {
        spans.append((bytes.count, value?.count ?? -1))
        if let value { bytes.append(contentsOf: value) }
    }

    fileprivate func decode<Value: PostgresDecodable>(_ index: Int) -> Value? {
        let (offset, length) = spans[index]
        return bytes.withUnsafeBytes {
            Value(postgres: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + length]))
        }
    }
}

/// One row, read from left to right.
struct PostgresRow: Sendable {
    fileprivate let result: PostgresResult
    fileprivate let row: Int
    private var column = 0

    fileprivate init(result: PostgresResult, row: Int) {
        self.result = result
        self.row = row
    }

    /// The next column, which is not NULL.
    mutating func next<Value: PostgresDecodable>(_ type: Value.Type = Value.self) throws(PostgresError)
        -> Value
    {
        guard let value: Value = try nextOptional() else {
            throw PostgresError(.misuse, "column \(column) is NULL, not \(Value.self)")
        }
        return value
    }

    /// The next column; nil for NULL.
    mutating func nextOptional<Value: PostgresDecodable>(
        _ type: Value.Type = Value.self
    ) throws(PostgresError) -> Value? {
        guard column < result.columns else {
            throw PostgresError(.misuse, "the row has \(result.columns) columns only")
        }
        let index = row * result.columns + column
        column += 1
        if result.spans[index].length < 0 { return nil }
        guard let value: Value = result.decode(index) else {
            throw PostgresError(.misuse, "column \(column) is no \(Value.self)")
        }
        return value
    }
}

/// Reads itself from Postgres's binary format; nil where the bytes are of another type.
protocol PostgresDecodable {
    init?(postgres bytes: UnsafeRawBufferPointer)
}

extension Int64: PostgresDecodable {
    init?(postgres bytes: UnsafeRawBufferPointer) {
        switch bytes.count {
        case 8: self = bytes.bigEndian()
        case 4: self = Int64(bytes.bigEndian() as Int32)
        case 2: self = Int64(bytes.bigEndian() as Int16)
        default: return nil
        }
    }
}

extension Int: PostgresDecodable {
    init?(postgres bytes: UnsafeRawBufferPointer) {
        guard let value = Int64(postgres: bytes) else { return nil }
        self.init(value)
    }
}

extension Bool: PostgresDecodable {
    init?(postgres bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 1 else { return nil }
        self = bytes[0] != 0
    }
}

extension Double: PostgresDecodable {
    init?(postgres bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 8 else { return nil }
        self.init(bitPattern: bytes.bigEndian())
    }
}

extension String: PostgresDecodable {
    init?(postgres bytes: UnsafeRawBufferPointer) {
        self.init(decoding: bytes, as: UTF8.self)
    }
}

extension UUID: PostgresDecodable {
    init?(postgres bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 16 else { return nil }
        self.init(uuid: bytes.loadUnaligned(as: uuid_t.self))
    }
}

extension Date: PostgresDecodable {
    init?(postgres bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 8 else { return nil }
        self = PostgresTime.date(microseconds: bytes.bigEndian())
    }
}

/// A calendar day as Postgres stores it: days since 2000-01-01.
struct PostgresDay: Hashable, Sendable, PostgresDecodable, CustomStringConvertible {
    var days: Int32

    var description: String {
        let date = Date(timeIntervalSince1970: PostgresTime.epoch + Double(days) * 86_400)
        return date.formatted(.iso8601.year().month().day())
    }

    init?(postgres bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 4 else { return nil }
        days = bytes.bigEndian()
    }
}

extension Array: PostgresDecodable where Element: PostgresDecodable {
    /// Bytes of `bytea` are an array of `UInt8`; everything else is an SQL array.
    init?(postgres bytes: UnsafeRawBufferPointer) {
        // One cast of the whole array costs nothing, where one of each byte costs a second a few MiB.
        if Element.self == UInt8.self, let copied = [UInt8](bytes) as? [Element] {
            self = copied
            return
        }
        guard bytes.count >= 12 else { return nil }
        self = []
        let dimensions: Int32 = bytes.bigEndian()
        guard dimensions > 0 else { return }
        guard dimensions == 1, bytes.count >= 20 else { return nil }
        let count: Int32 = bytes.bigEndian(at: 12)
        var offset = 20
        for _ in 0..<count {
            guard offset + 4 <= bytes.count else { return nil }
            let length = Int(bytes.bigEndian(at: offset) as Int32)
            offset += 4
            guard length >= 0, offset + length <= bytes.count,
                let element = Element(
                    postgres: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]))
            else { return nil }
            append(element)
            offset += length
        }
    }
}

extension UInt8: PostgresDecodable {
    init?(postgres bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 1 else { return nil }
        self = bytes[0]
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func bigEndian<Value: FixedWidthInteger>(at offset: Int = 0) -> Value {
        Value(bigEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}
