/// The list of an `If-None-Match` field (RFC 9110 §13.1.2), compared weakly.
struct EntityTags {
    private let tags: Set<Substring>
    private let any: Bool

    init(_ field: String) {
        any = field == "*"
        tags = Set(
            field.split(separator: ",").map { tag in
                let trimmed = tag.drop { $0 == " " || $0 == "\t" }
                let strong = trimmed.hasPrefix("W/") ? trimmed.dropFirst(2) : trimmed
                return strong.prefix { $0 != " " && $0 != "\t" }
            })
    }

    func contain(_ tag: String) -> Bool { any || tags.contains(tag[...]) }
}
