import HTTPCore
import HTTPTypes
import Testing

/// Request fields and what RFC 9110, section 13.2.2 makes of them.
struct PreconditionCase: CustomTestStringConvertible, Sendable {
    var method = HTTPRequest.Method.get
    let fields: HTTPFields
    let outcome: Precondition
    var current: Validators? = Validators(entityTag: EntityTag("a"), lastModified: 784_111_777)

    var testDescription: String { "\(method) \(fields.map { "\($0)" }) \(outcome)" }

    static let time = "Sun, 06 Nov 1994 08:49:37 GMT"
    static let before = "Sun, 06 Nov 1994 08:49:36 GMT"
    static let after = "Sunday, 06-Nov-94 08:49:38 GMT"
    static let weak = Validators(entityTag: EntityTag("a", isWeak: true), lastModified: 784_111_777)

    static let all: [PreconditionCase] =
        alone + reading + together
        + ["\"a\"", "W/\"a\"", "*"].map { tag in
            PreconditionCase(method: .put, fields: [.ifNoneMatch: tag], outcome: .failed)
        }

    private static let alone: [PreconditionCase] = [
        .init(fields: [:], outcome: .holds),
        // Section 13.1.1: strong comparison.
        .init(fields: [.ifMatch: "\"a\""], outcome: .holds),
        .init(fields: [.ifMatch: "*"], outcome: .holds),
        .init(fields: [.ifMatch: "\"b\", \"a\""], outcome: .holds),
        .init(fields: [.ifMatch: "\"b\""], outcome: .failed),
        .init(fields: [.ifMatch: "W/\"a\""], outcome: .failed),
        .init(fields: [.ifMatch: "\"a\""], outcome: .failed, current: weak),
        .init(fields: [.ifMatch: "*"], outcome: .holds, current: weak),
        .init(fields: [.ifMatch: "*"], outcome: .failed, current: nil),
        .init(fields: [.ifMatch: "\"a\""], outcome: .failed, current: nil),
        .init(fields: [.ifMatch: "\"a\""], outcome: .failed, current: Validators()),
        .init(fields: [.ifMatch: "a"], outcome: .failed),
        .init(method: .delete, fields: [.ifMatch: "\"b\""], outcome: .failed),
        .init(method: .put, fields: [.ifMatch: "\"a\""], outcome: .holds),
        // Section 13.1.4.
        .init(fields: [.ifUnmodifiedSince: time], outcome: .holds),
        .init(fields: [.ifUnmodifiedSince: after], outcome: .holds),
        .init(fields: [.ifUnmodifiedSince: before], outcome: .failed),
        .init(method: .put, fields: [.ifUnmodifiedSince: before], outcome: .failed),
        .init(fields: [.ifUnmodifiedSince: "yesterday"], outcome: .holds),
        .init(fields: [.ifUnmodifiedSince: before], outcome: .holds, current: Validators()),
        .init(fields: [.ifUnmodifiedSince: before], outcome: .holds, current: nil),
    ]

    private static let reading: [PreconditionCase] = [
        // Section 13.1.2: weak comparison.
        .init(fields: [.ifNoneMatch: "\"a\""], outcome: .notModified),
        .init(method: .head, fields: [.ifNoneMatch: "\"a\""], outcome: .notModified),
        .init(fields: [.ifNoneMatch: "W/\"a\""], outcome: .notModified),
        .init(fields: [.ifNoneMatch: "\"a\""], outcome: .notModified, current: weak),
        .init(fields: [.ifNoneMatch: "*"], outcome: .notModified),
        .init(fields: [.ifNoneMatch: "\"x,y\" ,, W/\"a\","], outcome: .notModified),
        .init(fields: [.ifNoneMatch: "\"b\""], outcome: .holds),
        .init(fields: [.ifNoneMatch: "w/\"a\""], outcome: .holds),
        .init(fields: [.ifNoneMatch: "a"], outcome: .holds),
        .init(fields: [.ifNoneMatch: "\"A\""], outcome: .holds),
        .init(fields: [.ifNoneMatch: "*"], outcome: .holds, current: nil),
        .init(method: .put, fields: [.ifNoneMatch: "*"], outcome: .holds, current: nil),
        .init(fields: [.ifNoneMatch: "\"a\""], outcome: .holds, current: Validators()),
        // Section 13.1.3.
        .init(fields: [.ifModifiedSince: time], outcome: .notModified),
        .init(fields: [.ifModifiedSince: after], outcome: .notModified),
        .init(method: .head, fields: [.ifModifiedSince: "Sun Nov  6 08:49:37 1994"], outcome: .notModified),
        .init(fields: [.ifModifiedSince: before], outcome: .holds),
        .init(fields: [.ifModifiedSince: "\(time), \(time)"], outcome: .holds),
        .init(method: .post, fields: [.ifModifiedSince: time], outcome: .holds),
        .init(fields: [.ifModifiedSince: time], outcome: .holds, current: Validators()),
        .init(fields: [.ifModifiedSince: time], outcome: .holds, current: nil),
    ]

    /// Section 13.2.2: a tag stands above a date, and what the request is meant for above what the client has.
    private static let together: [PreconditionCase] = [
        .init(fields: [.ifMatch: "\"a\"", .ifUnmodifiedSince: before], outcome: .holds),
        .init(fields: [.ifMatch: "\"b\"", .ifUnmodifiedSince: after], outcome: .failed),
        .init(fields: [.ifNoneMatch: "\"b\"", .ifModifiedSince: after], outcome: .holds),
        .init(fields: [.ifNoneMatch: "\"a\"", .ifModifiedSince: before], outcome: .notModified),
        .init(fields: [.ifMatch: "\"b\"", .ifNoneMatch: "\"a\""], outcome: .failed),
        .init(fields: [.ifMatch: "\"a\"", .ifNoneMatch: "\"a\""], outcome: .notModified),
        .init(fields: [.ifUnmodifiedSince: before, .ifNoneMatch: "\"a\""], outcome: .failed),
        .init(fields: [.ifUnmodifiedSince: time, .ifModifiedSince: time], outcome: .notModified),
    ]
}

@Suite struct PreconditionTests {
    @Test("preconditions are evaluated as RFC 9110 says", arguments: PreconditionCase.all)
    func evaluation(_ testCase: PreconditionCase) {
        let request = Request(method: testCase.method, path: "/", headers: testCase.fields)
        #expect(request.precondition(testCase.current) == testCase.outcome)
    }

    @Test(
        "a list of tags is read by its grammar",
        arguments: [
            ("*", "x", true), ("\"x\"", "x", true), ("\"\"", "", true), ("\"a,b\"", "a,b", true),
            ("\"a\",\"x\"", "x", true), (",\"x\"", "x", true), ("\"é\"", "é", true),
            ("\"a\" \"x\"", "x", false),
            ("\"x", "x", false), ("x", "x", false), ("W/ \"x\"", "x", false), ("\"x\" y", "x", false),
            ("\"a b\", \"x\"", "x", false), ("", "x", false), ("*, \"x\"", "x", false),
        ])
    func lists(field: String, tag: String, contains: Bool) {
        #expect(EntityTagList(field).containsWeakly(EntityTag(tag)) == contains)
    }

    @Test("a 304 keeps what updates a cache and drops what describes content (RFC 9110, section 15.4.5)")
    func notModified() {
        let full = Response(
            status: .ok,
            headers: [
                .eTag: "\"a\"", .lastModified: PreconditionCase.time, .cacheControl: "no-cache",
                .vary: "Accept",
                .contentType: "text/plain", .acceptRanges: "bytes", .retryAfter: "1", .contentLocation: "/a",
                .contentSecurityPolicy: "default-src 'none'",
            ], body: .bytes([1]))
        let short = full.notModified
        #expect(short.status == .notModified)
        #expect(short.body.isNone)
        let names = Set(short.headers.map(\.name.canonicalName))
        #expect(
            names == [
                "etag", "cache-control", "vary", "retry-after", "content-location", "content-security-policy",
            ])
        var dated = full
        dated.headers[.eTag] = nil
        #expect(dated.notModified.headers[.lastModified] == PreconditionCase.time)
    }
}

extension ResponseBody {
    fileprivate var isNone: Bool { if case .none = self { true } else { false } }
}
