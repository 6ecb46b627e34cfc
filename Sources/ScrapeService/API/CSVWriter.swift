/// RFC 4180: CRLF line ends, a field quoted where it must be.
struct CSVWriter {
    private(set) var bytes: [UInt8] = []

    mutating func row(_ cells: [String]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            self.cell(cell)
        }
        bytes.append(contentsOf: [0x0D, 0x0A])
    }

    private mutating func cell(_ text: String) {
        let special: Set<UInt8> = [0x0A, 0x0D, UInt8(ascii: ","), UInt8(ascii: "\"")]
        guard text.utf8.contains(where: special.contains) else {
            bytes.append(contentsOf: text.utf8)
            return
        }
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") { bytes.append(byte) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
