internal import CZlib

/// Undoes gzip (RFC 1952) of a body that is a gzip file itself, whatever its name and type say.
enum Gunzip {
    enum Failure: Error, Hashable, Sendable {
        /// Decoded, it has more bytes than allowed.
        case tooLarge
        /// Cut short, or no gzip.
        case corrupt
    }

    private static let pieceBytes = 256 << 10
    private static let magic: [UInt8] = [0x1f, 0x8b]

    static func isGzip(_ bytes: [UInt8]) -> Bool { bytes.starts(with: magic) }

    /// All members of the file, one after another (§2.2). What follows the last one is ignored, as gzip itself does.
    static func decode(_ bytes: [UInt8], maxBytes: Int) throws(Failure) -> [UInt8] {
        var stream = z_stream()
        guard czlib_inflate_init_gzip(&stream) == Z_OK else { throw .corrupt }
        defer { inflateEnd(&stream) }
        var out: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: pieceBytes)
        var read = 0
        while true {
            let (status, taken, given) = inflate(&stream, bytes, from: read, into: &piece)
            read += taken
            guard out.count + given <= maxBytes else { throw .tooLarge }
            out.append(contentsOf: piece[..<given])
            switch status {
            case Z_OK where taken + given > 0: continue
            case Z_STREAM_END:
                guard bytes[read...].starts(with: magic) else { return out }
                inflateReset(&stream)
            default: throw .corrupt
            }
        }
    }

    private static func inflate(
        _ stream: inout z_stream, _ bytes: [UInt8], from start: Int, into piece: inout [UInt8]
    ) -> (status: Int32, taken: Int, given: Int) {
        // zlib reads through a pointer that it does not declare const.
        var input = bytes[start...].prefix(pieceBytes)
        let (available, room) = (input.count, piece.count)
        return input.withUnsafeMutableBufferPointer { input in
            piece.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(available)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(room)
                let status = CZlib.inflate(&stream, Z_NO_FLUSH)
                return (status, available - Int(stream.avail_in), room - Int(stream.avail_out))
            }
        }
    }
}
