import HTTPCore

/// Decides what the answers to the requests for one saved page mean, and what is asked for next: all of it, or what is
/// missing of it (RFC 9110 §13.1.5, §14). Parts of two states of the page never meet. Pure.
struct PageSavingState {
    enum Verdict: Equatable {
        /// The first byte of a new body comes next; what was received before is forgotten.
        case begins
        /// The bytes go on behind those that were received.
        case continues
        /// What was received is of no use: the whole is to be asked for.
        case startOver
        case fails(FailureCode, String)
    }

    /// What an answer that has ended leaves to do.
    enum Ending: Equatable {
        case whole
        /// The rest, or the whole, is to be asked for.
        case again
        /// It is not the page: its status says what is wrong.
        case refused
        case fails(FailureCode, String)
    }

    /// Seconds that must lie between `Last-Modified` and `Date` to make the time a strong validator (RFC 9110 §8.8.2.2).
    private static let minValidatorAge = 1

    /// Bytes of a `Content-Type` that is kept, as many as the API gives back (RFC 6838 §4.2: two names of at most 127).
    static let maxContentTypeBytes = 255
    /// Bytes of a `Content-Disposition` that is kept: a file's name of 255 characters, percent-encoded (RFC 8187) and
    /// once more without, and room. Both are listed with each file, and a server may send 100 KB of each.
    static let maxDispositionBytes = 4 << 10

    let maxBytes: Int64
    /// The job asks for ranges by itself, or with a method that has none: bodies are taken as they come.
    let mayResume: Bool
    /// Of the body whose bytes are being received.
    private(set) var head: FileHead?
    private(set) var received: Int64
    private var asksForRest = false
    /// Of a partial answer: where it ends (exclusive), and how long the whole is.
    private var partEnd: Int64?
    private var length: Int64?

    /// `earlier`: what an attempt before has left.
    init(maxBytes: Int, mayResume: Bool, earlier: (head: FileHead, bytes: Int64)? = nil) {
        self.maxBytes = Int64(maxBytes)
        self.mayResume = mayResume
        head = earlier?.head
        received = earlier?.bytes ?? 0
    }

    // MARK: Asking

    /// Whether bytes that are there can be gone on from.
    static func canResume(_ head: FileHead) -> Bool { validator(of: head) != nil }

    /// `Range` and `If-Range`; none: the whole is asked for.
    mutating func nextRequest() -> [HeaderField] {
        partEnd = nil
        length = nil
        guard mayResume, received > 0, let validator = head.flatMap(Self.validator) else {
            asksForRest = false
            return []
        }
        asksForRest = true
        return [
            HeaderField(name: "Range", value: "bytes=\(received)-"),
            HeaderField(name: "If-Range", value: validator),
        ]
    }

    /// A strong tag, else a strong time; the time of a page that had just changed is not kept in the head.
    private static func validator(of head: FileHead) -> String? {
        if head.isEncoded { return nil }
        return strongTag(head.etag) == nil ? head.lastModified : head.etag
    }

    private static func strongTag(_ field: String?) -> EntityTag? {
        guard let field, case .tags(let tags) = EntityTagList(field), tags.count == 1, !tags[0].isWeak else {
            return nil
        }
        return tags[0]
    }

    // MARK: Answers

    /// `answer` is a 2xx whose body comes next.
    mutating func began(_ answer: FetchResponse) -> Verdict {
        if asksForRest, answer.status == 206 {
            guard let range = ContentRange(answer.fields?.contentRange), let bytes = range.bytes,
                bytes.lowerBound == received, isSameState(answer)
            else { return forget() }
            partEnd = bytes.upperBound + 1
            length = range.length
            return (length ?? 0) > maxBytes ? tooLarge : .continues
        }
        if answer.status == 206, mayResume {
            return .fails(.http(206), "a part was sent, and the whole was asked for")
        }
        received = 0
        let head = Self.head(of: answer)
        self.head = head
        return !head.isEncoded && (answer.fields?.contentLength ?? 0) > maxBytes ? tooLarge : .begins
    }

    /// Nil: go on.
    mutating func took(_ count: Int) -> Verdict? {
        received += Int64(count)
        if received > maxBytes { return tooLarge }
        // More than it said: nobody knows what these bytes are.
        if let partEnd, received > partEnd { return forget() }
        return nil
    }

    mutating func ended(_ answer: FetchResponse) -> Ending {
        switch answer.status {
        case 200...299:
            guard let partEnd else { return .whole }
            if received < partEnd {
                return .fails(.connectionLost, "the answer ended before the part it promised was complete")
            }
            return length.map { received < $0 } ?? false ? .again : .whole
        case 416 where asksForRest:
            // All of it had come, and nobody was left to say so.
            if ContentRange(answer.fields?.contentRange)?.length == received, isSameState(answer) {
                return .whole
            }
            _ = forget()
            return .again
        default:
            return .refused
        }
    }

    private mutating func forget() -> Verdict {
        head = nil
        received = 0
        return .startOver
    }

    private var tooLarge: Verdict { .fails(.tooLarge, "the body is larger than \(maxBytes) bytes") }

    /// `If-Range` was to see to that; a server that does not know it may have sent a part of something else.
    private func isSameState(_ answer: FetchResponse) -> Bool {
        guard let head, !Self.isEncoded(answer) else { return false }
        if let old = Self.strongTag(head.etag), let tag = answer.etag, tag != old.description { return false }
        if let old = head.lastModified, let time = answer.lastModified, time != old { return false }
        return Self.resource(answer.finalURL) == Self.resource(head.finalURL)
    }

    /// Signed URLs differ in their query each time a redirect leads to the same file.
    private static func resource(_ url: String) -> Substring { url.prefix { $0 != "?" } }

    // MARK: Heads

    private static func isEncoded(_ answer: FetchResponse) -> Bool {
        switch answer.fields?.contentEncoding?.lowercased() {
        case nil, "", "identity": false
        default: true
        }
    }

    private static func head(of answer: FetchResponse) -> FileHead {
        FileHead(
            status: answer.status, finalURL: answer.finalURL,
            contentType: kept(answer.contentType, maxBytes: maxContentTypeBytes),
            etag: answer.etag,
            lastModified: hasStrongTime(answer) || strongTag(answer.etag) != nil ? answer.lastModified : nil,
            disposition: kept(answer.fields?.contentDisposition, maxBytes: maxDispositionBytes),
            isEncoded: isEncoded(answer))
    }

    /// What is cut would say something else.
    private static func kept(_ field: String?, maxBytes: Int) -> String? {
        field.flatMap { $0.utf8.count <= maxBytes ? $0 : nil }
    }

    private static func hasStrongTime(_ answer: FetchResponse) -> Bool {
        guard let date = answer.fields?.date.flatMap({ HTTPDate.parse($0, now: 0) }),
            let modified = answer.lastModified.flatMap({ HTTPDate.parse($0, now: 0) })
        else { return false }
        return date - modified >= minValidatorAge
    }
}
