import Glibc
public import HTTPTypes

/// What tells one state of a resource from another (RFC 9110, section 8.8).
public struct Validators: Hashable, Sendable {
    /// `ETag`, where there is one.
    public var entityTag: EntityTag?
    /// In seconds since 1970, UTC. Two different states may not have the same: `If-Range` builds on it.
    public var lastModified: Int?

    /// Either may be missing; with neither, only `*` can be asked for.
    public init(entityTag: EntityTag? = nil, lastModified: Int? = nil) {
        self.entityTag = entityTag
        self.lastModified = lastModified
    }

    /// `ETag` and `Last-Modified`, those that there are.
    public var fields: HTTPFields {
        var fields = HTTPFields()
        if let entityTag { fields[.eTag] = entityTag.description }
        if let lastModified { fields[.lastModified] = HTTPDate.format(secondsSinceEpoch: lastModified) }
        return fields
    }
}

/// What a request's preconditions come to (RFC 9110, section 13.2.2).
public enum Precondition: Hashable, Sendable {
    /// The request goes on.
    case holds
    /// The client has it already: 304, for GET and HEAD only.
    case notModified
    /// 412.
    case failed
}

extension Request {
    /// Evaluates `If-Match`, `If-Unmodified-Since`, `If-None-Match` and `If-Modified-Since`, in the order of RFC 9110,
    /// section 13.2.2, against what there is; `nil` is a resource that has no representation yet.
    ///
    /// To be asked when the request would otherwise succeed, before it does anything (section 13.2.1).
    public func precondition(_ current: Validators?) -> Precondition {
        let isRead = method == .get || method == .head
        if let field = headers[.ifMatch] {
            guard matches(EntityTagList(field), current) else { return .failed }
        } else if let since = date(.ifUnmodifiedSince), let modified = current?.lastModified {
            guard modified <= since else { return .failed }
        }
        if let field = headers[.ifNoneMatch] {
            if knows(EntityTagList(field), current) { return isRead ? .notModified : .failed }
        } else if isRead, let since = date(.ifModifiedSince), let modified = current?.lastModified {
            if modified <= since { return .notModified }
        }
        return .holds
    }

    private func matches(_ list: EntityTagList, _ current: Validators?) -> Bool {
        guard let current else { return false }
        if list == .any { return true }
        return current.entityTag.map(list.containsStrongly) ?? false
    }

    private func knows(_ list: EntityTagList, _ current: Validators?) -> Bool {
        guard let current else { return false }
        if list == .any { return true }
        return current.entityTag.map(list.containsWeakly) ?? false
    }

    /// Whether `Range` may be kept: without `If-Range`, or when it names this very state (RFC 9110, section 13.1.5).
    func rangeCondition(_ current: Validators) -> Bool {
        guard let field = headers[.ifRange] else { return true }
        if let tag = EntityTag(field: field) { return current.entityTag?.matchesStrongly(tag) ?? false }
        return date(.ifRange).map { $0 == current.lastModified } ?? false
    }

    /// `nil` for a date that is none, or several: such a condition is ignored (RFC 9110, sections 13.1.3 and 13.1.4).
    private func date(_ name: HTTPField.Name) -> Int? {
        headers[name].flatMap { HTTPDate.parse($0, now: time(nil)) }
    }
}

extension Response {
    /// The 304 instead of this answer: no content, and no field that describes one, but for those that update a cache
    /// (RFC 9110, section 15.4.5).
    public var notModified: Response {
        var kept = headers
        for name in headers.map(\.name) where Self.describesContent(name) { kept[name] = nil }
        // Guides a cache only where there is no tag.
        if headers[.eTag] != nil { kept[.lastModified] = nil }
        return Response(status: .notModified, headers: kept)
    }

    private static func describesContent(_ name: HTTPField.Name) -> Bool {
        switch name {
        case .acceptRanges, .contentDisposition, .contentEncoding, .contentLanguage, .contentRange,
            .contentType:
            true
        default: false
        }
    }
}

extension HTTPError {
    /// The answer to a precondition that does not hold.
    public static var preconditionFailed: HTTPError {
        HTTPError(.preconditionFailed, "What is here is not what the request is meant for.")
    }
}
