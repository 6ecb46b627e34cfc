import HTTPTypes

/// Field lines, each with its CRLF, that the parser has let pass.
enum FieldLines {
    static func read(_ bytes: Span<UInt8>) -> HTTPFields {
        var fields = HTTPFields()
        fields.reserveCapacity(bytes.count / 32 + 1)
        var start = 0
        while start < bytes.count {
            var colon = start
            while bytes[colon] != UInt8(ascii: ":") { colon += 1 }
            var end = colon
            while bytes[end] != UInt8(ascii: "\r") { end += 1 }
            fields.append(field(bytes, name: start..<colon, value: bytes.trimmed(colon + 1..<end)))
            start = end + 2
        }
        return fields
    }

    private static func field(_ bytes: Span<UInt8>, name: Range<Int>, value: Range<Int>) -> HTTPField {
        // The parser has let only tokens pass.
        guard let name = FieldNames.known(bytes, name) ?? HTTPField.Name(bytes.text(name)) else {
            preconditionFailure("a field name that is no token")
        }
        return bytes.extracting(value).withUnsafeBufferPointer { value in
            if let text = String(validating: value, as: UTF8.self) {
                return HTTPField(name: name, value: text)
            }
            return HTTPField(name: name, value: value)
        }
    }
}

/// The names most clients send, in the spelling they send: found without making text.
enum FieldNames {
    static let host = HTTPField.Name("Host")!

    private static let byLength: [[(bytes: [UInt8], name: HTTPField.Name)]] = {
        let names: [HTTPField.Name] = [
            .accept, .acceptEncoding, .acceptLanguage, .authorization, .cacheControl, .connection,
            .contentLength, .contentType, .cookie, .expect, host, .ifMatch, .ifModifiedSince, .ifNoneMatch,
            .ifRange, .origin, .range, .referer, .te, .transferEncoding, .userAgent, .via,
        ]
        var table: [[(bytes: [UInt8], name: HTTPField.Name)]] = Array(repeating: [], count: 24)
        for name in names {
            table[name.rawName.utf8.count].append((Array(name.rawName.utf8), name))
        }
        return table
    }()

    static func known(_ bytes: Span<UInt8>, _ range: Range<Int>) -> HTTPField.Name? {
        guard range.count < byLength.count else { return nil }
        search: for candidate in byLength[range.count] {
            for index in 0..<range.count
            where candidate.bytes[index] != bytes[range.lowerBound + index] {
                continue search
            }
            return candidate.name
        }
        return nil
    }
}

extension Span<UInt8> {
    /// `range` without SP and HTAB at its ends (OWS, RFC 9110, section 5.6.3).
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, isBlank(start) { start += 1 }
        while end > start, isBlank(end - 1) { end -= 1 }
        return start..<end
    }

    private func isBlank(_ index: Int) -> Bool {
        self[index] == UInt8(ascii: " ") || self[index] == UInt8(ascii: "\t")
    }

    func text(_ range: Range<Int>) -> String {
        extracting(range).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}
