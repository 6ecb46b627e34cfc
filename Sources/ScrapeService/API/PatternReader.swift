extension ObjectReader {
    /// A regular expression's source; a finding, with the character where it is wrong, for one that does not parse.
    mutating func pattern(_ name: String) -> String? {
        guard let source = string(name, maxLength: Pattern.maxSourceBytes) else { return nil }
        do {
            _ = try Pattern(source)
            return source
        } catch {
            findings.add(
                place(name),
                "does not parse as a regular expression: \(error.message), at character \(error.offset + 1)")
            return nil
        }
    }
}
