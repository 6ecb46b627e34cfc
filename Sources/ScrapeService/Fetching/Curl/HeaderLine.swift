/// What is read of a header line before libcurl has made fields of them.
enum HeaderLine {
    private static let contentEncoding = Array("content-encoding:".utf8)
    private static let transferEncoding = Array("transfer-encoding:".utf8)
    private static let comma = UInt8(ascii: ",")

    /// How many codings the line wraps a body in (RFC 9110 §8.4, RFC 9112 §6.1); nil for a line of another field.
    ///
    /// Chunks and "identity" are none: they make nothing larger.
    static func codings(_ line: UnsafeRawBufferPointer) -> Int? {
        // Two bytes tell nearly every other field apart.
        let name: [UInt8]
        guard line.count > transferEncoding.count else { return nil }
        switch (line[0] | 0x20, line[8] | 0x20, line[9] | 0x20) {
        case (UInt8(ascii: "c"), UInt8(ascii: "e"), _): name = contentEncoding
        case (UInt8(ascii: "t"), _, UInt8(ascii: "e")): name = transferEncoding
        default: return nil
        }
        guard isSame(line.prefix(name.count), name) else { return nil }
        return line.dropFirst(name.count).split(separator: comma).count { value in
            let coding = value.filter { $0 > 0x20 }
            return !coding.isEmpty && !isSame(coding, Array("chunked".utf8))
                && !isSame(coding, Array("identity".utf8))
        }
    }

    /// Whether the line names a coding other than gzip and deflate, whose bodies are at most a thousand times their
    /// coded size.
    static func hasUnboundedCoding(_ line: UnsafeRawBufferPointer) -> Bool {
        guard codings(line) != nil, let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return false }
        return line[(colon + 1)...].split(separator: comma).contains { value in
            let coding = value.filter { $0 > 0x20 }
            return !coding.isEmpty && !boundedCodings.contains { isSame(coding, $0) }
        }
    }

    private static let boundedCodings = ["gzip", "x-gzip", "deflate", "identity", "chunked"].map {
        Array($0.utf8)
    }

    /// Without regard to case; `lower` is in lower case.
    private static func isSame(_ bytes: some Collection<UInt8>, _ lower: [UInt8]) -> Bool {
        bytes.elementsEqual(lower) { (65...90).contains($0) ? $0 | 0x20 == $1 : $0 == $1 }
    }
}
