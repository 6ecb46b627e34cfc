import Glibc

/// Bytes of any encoding to UTF-8; what is malformed becomes U+FFFD.
enum TextDecoder {
    /// Throws ``ExtractionError/failed(_:)`` where iconv does not have the encoding.
    static func decode(_ bytes: ArraySlice<UInt8>, from encoding: TextEncoding) throws -> [UInt8] {
        switch encoding {
        case .utf8: Array(String(decoding: bytes, as: UTF8.self).utf8)
        case .utf16LE: utf16(bytes, bigEndian: false)
        case .utf16BE: utf16(bytes, bigEndian: true)
        case .windows1252: windows1252(bytes)
        case .converted(let name): try converted(bytes, from: name)
        }
    }

    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

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
        if index < bytes.endIndex { units.append(0xFFFD) }
        return Array(String(decoding: units, as: UTF16.self).utf8)
    }

    private static func windows1252(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + bytes.count / 8)
        for byte in bytes {
            if byte < 0x80 {
                result.append(byte)
            } else if byte < 0xA0 {
                result.append(contentsOf: upperControls[Int(byte - 0x80)])
            } else {
                result.append(0xC0 | byte >> 6)
                result.append(0x80 | byte & 0x3F)
            }
        }
        return result
    }

    /// 0x80…0x9F of windows-1252; its five holes are the C1 controls of the same number.
    private static let upperControls: [[UInt8]] = [
        0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152,
        0x8D,
        0x017D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161,
        0x203A,
        0x0153, 0x9D, 0x017E, 0x0178,
    ].map { (code: UInt32) in Unicode.Scalar(code).map { Array(String(Character($0)).utf8) } ?? replacement }

    private static func converted(_ bytes: ArraySlice<UInt8>, from name: String) throws -> [UInt8] {
        guard let converter = iconv_open("UTF-8", name), Int(bitPattern: converter) != -1 else {
            throw ExtractionError.failed("this system cannot decode \(name)")
        }
        defer { iconv_close(converter) }
        var input = Array(bytes)
        return input.withUnsafeMutableBytes { convert($0, with: converter) }
    }

    /// Output is collected a chunk at a time.
    private static let chunkBytes = 64 * 1024

    private static func convert(_ input: UnsafeMutableRawBufferPointer, with converter: iconv_t) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(input.count * 2)
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkBytes, alignment: 1)
        defer { chunk.deallocate() }
        var source = input.baseAddress?.assumingMemoryBound(to: CChar.self)
        var left = input.count
        var isDrained = false
        // After the last byte one call without input: Big5-HKSCS holds a character back until then.
        while left > 0 || !isDrained {
            var target = chunk.baseAddress?.assumingMemoryBound(to: CChar.self)
            var room = chunkBytes
            isDrained = left == 0
            let failed =
                (isDrained
                    ? iconv(converter, nil, nil, &target, &room)
                    : iconv(converter, &source, &left, &target, &room)) == -1
            let reason = errno
            result.append(contentsOf: chunk[..<(chunkBytes - room)])
            guard failed, reason != E2BIG else { continue }
            result.append(contentsOf: replacement)
            if reason == EINVAL || isDrained { break }
            source = source?.advanced(by: 1)
            left -= 1
        }
        return result
    }
}
