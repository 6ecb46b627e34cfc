/// Bytes of any encoding to UTF-8 as the WHATWG Encoding Standard reads them; what is malformed becomes U+FFFD.
enum TextDecoder {
    /// Throws ``ExtractionError/failed(_:)`` where the system lacks the encoding's table.
    static func decode(_ bytes: ArraySlice<UInt8>, from encoding: TextEncoding) throws -> [UInt8] {
        switch encoding.decoder {
        case .utf8: return Array(String(decoding: bytes, as: UTF8.self).utf8)
        case .utf16LE: return utf16(bytes, bigEndian: false)
        case .utf16BE: return utf16(bytes, bigEndian: true)
        case .replacement: return bytes.isEmpty ? [] : Array("\u{FFFD}".utf8)
        default: break
        }
        var output = DecodedText(capacity: bytes.count + bytes.count / 2)
        try bytes.withUnsafeBufferPointer { input in
            switch encoding.decoder {
            case .gb18030:
                let pairs = try table(CharacterTables.gb18030, encoding)
                let quads = try table(CharacterTables.gb18030Quads, encoding)
                gb18030(input, pairs, quads, into: &output)
            case .big5: big5(input, try table(CharacterTables.big5, encoding), into: &output)
            case .eucKR: eucKR(input, try table(CharacterTables.eucKR, encoding), into: &output)
            case .shiftJIS: shiftJIS(input, try table(CharacterTables.jis0208, encoding), into: &output)
            case .eucJP:
                let jis0208 = try table(CharacterTables.jis0208, encoding)
                eucJP(input, jis0208, try table(CharacterTables.jis0212, encoding), into: &output)
            case .iso2022JP:
                var decoder = ISO2022JPDecoder(jis0208: try table(CharacterTables.jis0208, encoding))
                decoder.decode(input, into: &output)
            case .userDefined:
                for byte in input { output.append(byte < 0x80 ? UInt32(byte) : 0xF700 + UInt32(byte)) }
            default:
                singleByte(input, try table(CharacterTables.upperHalf(encoding), encoding), into: &output)
            }
        }
        return output.bytes
    }

    private static func table(_ table: [UInt32]?, _ encoding: TextEncoding) throws -> [UInt32] {
        guard let table else {
            throw ExtractionError.failed("this system cannot decode \(encoding.name)")
        }
        return table
    }

    /// Section 14.2.
    private static func utf16(_ bytes: ArraySlice<UInt8>, bigEndian: Bool) -> [UInt8] {
        var units: [UInt16] = []
        units.reserveCapacity(bytes.count / 2 + 1)
        var index = bytes.startIndex
        while index + 1 < bytes.endIndex {
            let first = UInt16(bytes[index])
            let second = UInt16(bytes[index + 1])
            units.append(bigEndian ? first << 8 | second : second << 8 | first)
            index += 2
        }
        if index < bytes.endIndex {
            // Half a unit after half a pair is one error.
            if let last = units.last, UTF16.isLeadSurrogate(last) { units.removeLast() }
            units.append(0xFFFD)
        }
        return Array(String(decoding: units, as: UTF16.self).utf8)
    }

    private static func singleByte(
        _ input: UnsafeBufferPointer<UInt8>, _ upperHalf: [UInt32], into output: inout DecodedText
    ) {
        for byte in input {
            output.append(byte < 0x80 ? UInt32(byte) : upperHalf[Int(byte - 0x80)])
        }
    }
}

/// UTF-8 in the making.
struct DecodedText {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    /// ``CharacterTables/none`` is an error, unless it is the NUL of the input, which decoders append by its byte.
    @inline(__always)
    mutating func append(_ scalar: UInt32) {
        if scalar < 0x80 {
            bytes.append(UInt8(scalar))
        } else if scalar < 0x800 {
            bytes.append(0xC0 | UInt8(scalar >> 6))
            bytes.append(0x80 | UInt8(scalar & 0x3F))
        } else {
            appendLong(scalar)
        }
    }

    private mutating func appendLong(_ scalar: UInt32) {
        if scalar < 0x10000 {
            bytes.append(0xE0 | UInt8(scalar >> 12))
        } else {
            bytes.append(0xF0 | UInt8(scalar >> 18))
            bytes.append(0x80 | UInt8(scalar >> 12 & 0x3F))
        }
        bytes.append(0x80 | UInt8(scalar >> 6 & 0x3F))
        bytes.append(0x80 | UInt8(scalar & 0x3F))
    }

    mutating func appendError() { append(0xFFFD) }
}
