/// A request's body on its way in, whatever its framing.
struct BodyDecoder {
    private enum Rest {
        case length(Int)
        case chunks(ChunkedDecoder)
    }

    private var rest: Rest

    init(_ framing: BodyFraming, limits: WireLimits) {
        switch framing {
        case .none: rest = .length(0)
        case .length(let length): rest = .length(length)
        case .chunked: rest = .chunks(ChunkedDecoder(limits: limits))
        }
    }

    var isComplete: Bool {
        switch rest {
        case .length(let left): left == 0
        case .chunks(let decoder): decoder.isComplete
        }
    }

    /// Bytes still to come, where that is known.
    var bytesLeft: Int? {
        switch rest {
        case .length(let left): left
        case .chunks(let decoder): decoder.isComplete ? 0 : nil
        }
    }

    /// Appends the body's bytes found in `bytes` to `piece`; returns how many bytes it used.
    mutating func decode(_ bytes: Span<UInt8>, into piece: inout [UInt8]) throws(HTTPError) -> Int {
        switch rest {
        case .length(let left):
            let count = min(left, bytes.count)
            bytes.extracting(0..<count).withUnsafeBufferPointer { piece.append(contentsOf: $0) }
            rest = .length(left - count)
            return count
        case .chunks(var decoder):
            defer { rest = .chunks(decoder) }
            return try decoder.decode(bytes, into: &piece)
        }
    }
}
