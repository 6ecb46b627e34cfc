/// Names one state of a resource: `"abc"`, or `W/"abc"` for states that only mean the same (RFC 9110, section 8.8.3).
public struct EntityTag: Hashable, Sendable, CustomStringConvertible {
    /// What stands between the quotes.
    public let opaque: String
    /// Two weak tags that are equal do not promise equal bytes: no range may be built on one.
    public let isWeak: Bool

    /// A byte of `opaque` that may not stand there (a quote, a control, a space) is a programmer's error.
    public init(_ opaque: String, isWeak: Bool = false) {
        precondition(opaque.utf8.allSatisfy(Self.isAllowed), "an entity tag of bytes that it may not have")
        self.opaque = opaque
        self.isWeak = isWeak
    }

    /// As it stands on the wire.
    public var description: String { "\(isWeak ? "W/" : "")\"\(opaque)\"" }

    /// `etagc`: VCHAR except the quote, and obs-text.
    fileprivate static func isAllowed(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != UInt8(ascii: "\"") && byte != 0x7F
    }

    /// Both strong and equal: the same bytes (RFC 9110, section 8.8.3.2).
    public func matchesStrongly(_ other: EntityTag) -> Bool {
        !isWeak && !other.isWeak && opaque == other.opaque
    }

    /// Equal but for the `W/`.
    public func matchesWeakly(_ other: EntityTag) -> Bool { opaque == other.opaque }
}

/// The value of `If-Match` or `If-None-Match` (RFC 9110, sections 13.1.1 and 13.1.2).
public enum EntityTagList: Hashable, Sendable {
    /// `*`: whatever there is.
    case any
    /// Each of them.
    case tags([EntityTag])

    /// What is no list of tags names none: then `If-Match` fails, and `If-None-Match` holds, which does no harm.
    public init(_ field: String) {
        if field == "*" {
            self = .any
        } else {
            self = .tags(Self.parse(Array(field.utf8)) ?? [])
        }
    }

    /// Of `If-None-Match`: whether the client knows `tag` already, by weak comparison.
    public func containsWeakly(_ tag: EntityTag) -> Bool {
        switch self {
        case .any: true
        case .tags(let tags): tags.contains { $0.matchesWeakly(tag) }
        }
    }

    /// Of `If-Match`: whether the client means the state named `tag`, by strong comparison.
    public func containsStrongly(_ tag: EntityTag) -> Bool {
        switch self {
        case .any: true
        case .tags(let tags): tags.contains { $0.matchesStrongly(tag) }
        }
    }

    /// Tags between commas and blanks, empty elements left out (RFC 9110, section 5.6.1.2). A tag may hold commas.
    private static func parse(_ bytes: [UInt8]) -> [EntityTag]? {
        var tags: [EntityTag] = []
        var rest = bytes[...]
        while true {
            rest = rest.drop {
                $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t")
            }
            if rest.isEmpty { return tags }
            guard let tag = tag(&rest) else { return nil }
            tags.append(tag)
            rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            guard rest.isEmpty || rest.first == UInt8(ascii: ",") else { return nil }
        }
    }

    /// One `[ W/ ] "…"` off the front; the `W` is case-sensitive.
    fileprivate static func tag(_ rest: inout ArraySlice<UInt8>) -> EntityTag? {
        let isWeak = rest.starts(with: "W/".utf8)
        if isWeak { rest = rest.dropFirst(2) }
        guard rest.popFirst() == UInt8(ascii: "\"") else { return nil }
        let opaque = rest.prefix(while: EntityTag.isAllowed)
        rest = rest[opaque.endIndex...]
        guard rest.popFirst() == UInt8(ascii: "\"") else { return nil }
        guard let text = String(validating: opaque, as: UTF8.self) else { return nil }
        return EntityTag(text, isWeak: isWeak)
    }
}

extension EntityTag {
    /// A field's value that is one tag; `nil` when it is none.
    public init?(field: String) {
        var rest = Array(field.utf8)[...]
        guard let tag = EntityTagList.tag(&rest), rest.isEmpty else { return nil }
        self = tag
    }
}
