import Glibc

/// The indexes of the WHATWG Encoding Standard (section 5) as glibc's converters know them, corrected where those
/// differ: found by comparing every pointer of every index with Chromium's decoder on glibc 2.36, and held by the
/// checksums of `oracle/encodings.json`. A table is made when the first page of its encoding comes.
enum CharacterTables {
    /// In a table: no character has this pointer.
    static let none: UInt32 = 0

    static let jis0208 = pairs(
        "CP932", leads: [0x81...0x9F, 0xE0...0xFC], trails: [0x40...0x7E, 0x80...0xFC])
    static let jis0212 = pairs("EUC-JP", prefix: [0x8F], leads: [0xA1...0xFE], trails: [0xA1...0xFE])
    static let eucKR = pairs("UHC", leads: [0x81...0xFE], trails: [0x41...0xFE])
    static let gb18030 = pairs(
        "GB18030", leads: [0x81...0xFE], trails: [0x40...0x7E, 0x80...0xFE], corrections: gb18030Pairs)
    static let big5 = pairs(
        "BIG5-HKSCS", leads: [0x81...0xFE], trails: [0x40...0x7E, 0xA1...0xFE], corrections: big5Pairs)

    /// GB18030's four-byte characters of the first plane, by pointer. Some are also two bytes long.
    static let gb18030Quads: [UInt32]? = {
        guard let converter = Converter("GB18030") else { return nil }
        var table: [UInt32] = []
        for pointer in 0..<39420 {
            let first = UInt8(0x81 + pointer / 12600)
            let second = UInt8(0x30 + pointer / 1260 % 10)
            let third = UInt8(0x81 + pointer / 10 % 126)
            table.append(converter.scalar([first, second, third, UInt8(0x30 + pointer % 10)]))
        }
        for index in 0..<8 { table[19057 + index] = 0x9FB4 + UInt32(index) }
        for index in 0..<10 { table[39076 + index] = 0xFE10 + UInt32(index) }
        return table
    }()

    /// The upper half of a single-byte encoding, U+FFFD where it has no character; nil where the system lacks the converter.
    static func upperHalf(_ encoding: TextEncoding) -> [UInt32]? { upperHalves[encoding.name] }

    private static let upperHalves: [String: [UInt32]] = {
        let encodings = TextEncoding.all.filter { $0.decoder == .singleByte }
        let tables = encodings.compactMap { encoding in
            makeUpperHalf(encoding.name).map { (encoding.name, $0) }
        }
        return Dictionary(uniqueKeysWithValues: tables)
    }()

    private static func makeUpperHalf(_ name: String) -> [UInt32]? {
        let systemNames = [
            "macintosh": "MACINTOSH", "x-mac-cyrillic": "MAC-UK", "ISO-8859-8-I": "ISO-8859-8",
        ]
        let isWindows = name.hasPrefix("windows-")
        let system = isWindows ? "CP" + name.dropFirst(8) : systemNames[name] ?? name
        guard let converter = Converter(system) else { return nil }
        let corrections = singleByteCorrections[name] ?? [:]
        return (UInt8(0x80)...0xFF).map { byte in
            let scalar = corrections[byte] ?? converter.scalar([byte])
            guard scalar == none else { return scalar }
            // What Windows leaves open there are the C1 controls.
            return isWindows && byte < 0xA0 ? UInt32(byte) : 0xFFFD
        }
    }

    private static let singleByteCorrections: [String: [UInt8: UInt32]] = [
        "KOI8-U": [0xAE: 0x45E, 0xBE: 0x40E], "macintosh": [0xC6: 0x2206, 0xF0: 0xF8FF],
        "windows-1255": [0xCA: 0x5BA], "x-mac-cyrillic": [0xFF: 0x20AC],
    ]

    /// A table by pointer: the rows of `leads`, in each the columns of `trails`. `corrections` are as in `big5Pairs`.
    private static func pairs(
        _ name: String, prefix: [UInt8] = [], leads: [ClosedRange<UInt8>], trails: [ClosedRange<UInt8>],
        corrections: String = ""
    ) -> [UInt32]? {
        guard let converter = Converter(name) else { return nil }
        var corrected: [Int: UInt32] = [:]
        for word in corrections.split(separator: " ").map(\.unicodeScalars) {
            guard let first = Int(String(word.prefix(4)), radix: 16) else { continue }
            for (offset, scalar) in word.dropFirst(4).enumerated() {
                corrected[first + offset] = scalar.value
            }
        }
        var table: [UInt32] = []
        for lead in leads.joined() {
            for trail in trails.joined() {
                table.append(
                    corrected[Int(lead) << 8 | Int(trail)] ?? converter.scalar(prefix + [lead, trail]))
            }
        }
        return table
    }
}

/// One of the system's converters to Unicode.
private struct Converter: ~Copyable {
    private let handle: iconv_t

    init?(_ name: String) {
        guard let handle = iconv_open("UTF-32LE", name), Int(bitPattern: handle) != -1 else { return nil }
        self.handle = handle
    }

    deinit { iconv_close(handle) }

    /// The one character that `bytes` are; ``CharacterTables/none`` where they are none, or several.
    func scalar(_ bytes: [UInt8]) -> UInt32 {
        var bytes = bytes
        var output: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
        let room = MemoryLayout.size(ofValue: output)
        let written = bytes.withUnsafeMutableBytes { input in
            withUnsafeMutableBytes(of: &output) { target -> Int in
                var source = input.baseAddress?.assumingMemoryBound(to: CChar.self)
                var destination = target.baseAddress?.assumingMemoryBound(to: CChar.self)
                var (left, free) = (input.count, room)
                _ = iconv(handle, nil, nil, nil, nil)
                guard iconv(handle, &source, &left, &destination, &free) != -1, left == 0 else { return 0 }
                // Big5-HKSCS holds a character back until it is told that there are no more.
                _ = iconv(handle, nil, nil, &destination, &free)
                return room - free
            }
        }
        return written == 4 ? output.0 : CharacterTables.none
    }
}
