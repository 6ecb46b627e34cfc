/// Fields of type `url` made absolute, and what a page's items lack.
struct PageFields: Sendable {
    let fields: [Field]
    /// The page is the item: there is no `each`.
    let isWholePage: Bool
    let urls: any URLParsing

    init(_ kind: PageKind, _ urls: any URLParsing) {
        fields = kind.fields
        isWholePage = kind.each == nil
        self.urls = urls
    }

    var hasURLs: Bool { fields.contains { $0.type == .url } }

    /// `base`: what references are resolved against. Nil: there is nothing to say of the page. Throws
    /// ``ExtractionError/tooLarge(_:)``.
    func finish(
        _ extraction: inout Extraction, base: String, within budget: inout LinkBudget
    ) throws(ExtractionError) -> FieldReport? {
        var warnings = extraction.warnings
        if hasURLs { try resolve(&extraction.items, base, &warnings, &budget) }
        guard !fields.isEmpty || !warnings.isEmpty else { return nil }
        var report = FieldReport(unfilled: extraction.items.map(unfilled), warnings: warnings)
        // A page that gave nothing lacks what it must have; of a match of `each` that gave nothing nobody knows
        // whether it was meant.
        if isWholePage, extraction.items.isEmpty {
            for (index, field) in fields.enumerated() where field.required {
                report.note(.requiredMissing, field: index)
            }
        }
        return report
    }

    private func unfilled(_ values: [FieldValue?]) -> [Int] {
        var positions: [Int] = []
        for (index, value) in values.enumerated() where value?.isFilled != true { positions.append(index) }
        return positions
    }

    // MARK: URLs

    private func resolve(
        _ items: inout [[FieldValue?]], _ base: String, _ warnings: inout [FieldWarning: Int],
        _ budget: inout LinkBudget
    ) throws(ExtractionError) {
        for (index, field) in fields.enumerated() where field.type == .url {
            let references = items.flatMap { Self.references(of: $0[index]) }
            if references.isEmpty { continue }
            var resolved = try absolute(references, against: base, within: &budget)[...]
            let unreadable = resolved.count { $0 == nil }
            if unreadable > 0 {
                warnings[FieldWarning(code: .typeMismatch, field: index), default: 0] += unreadable
            }
            for item in items.indices {
                items[item][index] = Self.replace(items[item][index], from: &resolved)
            }
        }
    }

    private static func references(of value: FieldValue?) -> [String] {
        switch value {
        case .text(let text)?: [text]
        case .list(let values)?: values.flatMap { references(of: $0) }
        default: []
        }
    }

    private static func replace(_ value: FieldValue?, from resolved: inout ArraySlice<String?>) -> FieldValue?
    {
        switch value {
        case .text?: resolved.removeFirst().map(FieldValue.text) ?? .null
        case .list(let values)?: .list(values.map { replace($0, from: &resolved) ?? .null })
        default: value
        }
    }

    /// Canonical like a link, but with its fragment, which is a part of what the page says. A URL of another scheme
    /// (mailto:, data:) stands as it is. Nil: not a URL.
    private func absolute(
        _ references: [String], against base: String, within budget: inout LinkBudget
    ) throws(ExtractionError) -> [String?] {
        var texts: [String?] = []
        try urls.resolve(references, against: base) { position, url throws(ExtractionError) in
            let reference = references[position]
            guard let url else {
                return texts.append(Self.isOfAnotherScheme(reference) ? reference : nil)
            }
            let text = url.text + Self.fragment(of: reference)
            try budget.spend(text.utf8.count)
            texts.append(text)
        }
        return texts
    }

    /// RFC 3986 §3.1; a URL has no white space within.
    private static func isOfAnotherScheme(_ text: String) -> Bool {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return false }
        let scheme = text[..<colon]
        guard let first = scheme.utf8.first, isLetter(first),
            !["http", "https"].contains(scheme.lowercased())
        else { return false }
        let isScheme = scheme.utf8.allSatisfy { byte in
            isLetter(byte) || (0x30...0x39).contains(byte) || byte == 0x2B || byte == 0x2D || byte == 0x2E
        }
        return isScheme && !text.unicodeScalars.contains { $0.properties.isWhitespace }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }

    /// With its number sign, encoded as browsers do (WHATWG URL, fragment percent-encode set); empty: there is none.
    private static func fragment(of reference: String) -> String {
        guard let hash = reference.utf8.firstIndex(of: UInt8(ascii: "#")) else { return "" }
        var bytes: [UInt8] = []
        for byte in reference.utf8[reference.utf8.index(after: hash)...] {
            switch byte {
            // Browsers drop tabs and newlines wherever they are.
            case 0x09, 0x0A, 0x0D: continue
            case 0...0x20, 0x22, 0x3C, 0x3E, 0x60, 0x7F...:
                let digits = Array("0123456789ABCDEF".utf8)
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        return bytes.isEmpty ? "" : "#" + String(decoding: bytes, as: UTF8.self)
    }
}
