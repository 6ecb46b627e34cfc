import Testing

@testable import ScrapeService

/// What answers mean to a page that is saved (RFC 9110 §13.1.5, §14).
@Suite struct PageSavingStateTests {
    private static let tag = "\"v1\""
    private static let url = "http://h/file.pdf"

    private static func answer(
        _ status: Int = 200, etag: String? = tag, modified: String? = nil, date: String? = nil,
        range: String? = nil, length: Int64? = nil, coding: String? = nil, url: String = url,
        type: String = "application/pdf", disposition: String? = nil
    ) -> FetchResponse {
        FetchResponse(
            status: status, finalURL: url, contentType: type, retryAfter: nil, body: [],
            seconds: 0,
            fields: AnswerFields(
                etag: etag, lastModified: modified, contentDisposition: disposition, contentEncoding: coding,
                contentRange: range, date: date, contentLength: length))
    }

    /// A state that has received `count` bytes of an answer and lost the rest.
    private static func broken(
        after count: Int = 100, _ answer: FetchResponse = answer(), maxBytes: Int = 1000
    ) -> PageSavingState {
        var state = PageSavingState(maxBytes: maxBytes, mayResume: true)
        _ = state.nextRequest()
        _ = state.began(answer)
        _ = state.took(count)
        return state
    }

    // MARK: Content-Range

    @Test(
        arguments: [
            ("bytes 0-99/200", 0, 99, 200), ("bytes 5-5/*", 5, 5, nil), ("Bytes 0-0/1", 0, 0, 1),
            ("bytes */17", nil, nil, 17),
            ("bytes 0-9223372036854775806/*", 0, .max - 1, nil),
            ("bytes 0-9223372036854775806/9223372036854775807", 0, .max - 1, .max),
        ] as [(String, Int64?, Int64?, Int64?)])
    func aContentRangeIsRead(field: String, first: Int64?, last: Int64?, length: Int64?) throws {
        let range = try #require(ContentRange(field))
        #expect(range.bytes?.lowerBound == first && range.bytes?.upperBound == last)
        #expect(range.length == length)
    }

    @Test(arguments: [
        nil, "", "bytes", "bytes 1-0/10", "bytes 0-10/10", "bytes */*", "bytes -5/10", "bytes 0-/10",
        "items 0-9/10",
        "bytes 0-9", "bytes +0-9/10", "bytes 0-9/10/11", "bytes 0-99999999999999999999/*", "bytes 0--9/10",
        "bytes 0-9223372036854775807/*", "bytes 9223372036854775807-9223372036854775807/*",
    ])
    func whatIsNoContentRangeIsNone(field: String?) {
        #expect(ContentRange(field) == nil)
    }

    // MARK: Asking

    @Test func theFirstRequestAsksForTheWhole() {
        var state = PageSavingState(maxBytes: 10, mayResume: true)
        #expect(state.nextRequest().isEmpty)
    }

    @Test func theRestIsAskedForWithAStrongTag() {
        var state = Self.broken()
        #expect(
            state.nextRequest() == [
                HeaderField(name: "Range", value: "bytes=100-"),
                HeaderField(name: "If-Range", value: Self.tag),
            ])
    }

    @Test(
        arguments: [
            // The time is strong where the page had not just changed.
            (nil, "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT", true),
            ("W/\"v1\"", "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:37 GMT", true),
            (nil, "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", false),
            (nil, "Sun, 06 Nov 1994 08:49:37 GMT", nil, false),
            (nil, "yesterday", "Sun, 06 Nov 1994 08:49:37 GMT", false),
            ("W/\"v1\"", nil, nil, false), ("v1", nil, nil, false), ("\"a\", \"b\"", nil, nil, false),
            (nil, nil, nil, false),
        ] as [(String?, String?, String?, Bool)])
    func aWeakValidatorIsNoneToGoOnFrom(etag: String?, modified: String?, date: String?, resumes: Bool) {
        var state = Self.broken(Self.answer(etag: etag, modified: modified, date: date))
        let fields = state.nextRequest()
        #expect(fields.isEmpty != resumes)
        if resumes { #expect(fields.last?.value == modified) }
    }

    private static func broken(_ answer: FetchResponse) -> PageSavingState { broken(after: 100, answer) }

    @Test func aDecodedBodyIsNotGoneOnFrom() {
        var state = Self.broken(Self.answer(coding: "gzip"))
        #expect(state.nextRequest().isEmpty)
    }

    @Test func aJobWithItsOwnRangesIsLeftAlone() {
        var state = PageSavingState(maxBytes: 1000, mayResume: false)
        _ = state.nextRequest()
        #expect(state.began(Self.answer(206, range: "bytes 5-9/20")) == .begins)
        #expect(state.took(5) == nil)
        #expect(state.nextRequest().isEmpty)
        #expect(state.ended(Self.answer(206)) == .whole)
    }

    // MARK: Answers to Range

    @Test func aPartThatFitsIsTheRest() {
        var state = Self.broken()
        _ = state.nextRequest()
        #expect(state.began(Self.answer(206, range: "bytes 100-199/200")) == .continues)
        #expect(state.took(100) == nil)
        #expect(state.ended(Self.answer(206)) == .whole)
        #expect(state.received == 200)
    }

    @Test(arguments: [
        answer(206, range: "bytes 99-199/200"), answer(206, range: "bytes 101-199/200"),
        answer(206, range: "bytes 0-199/200"), answer(206, range: nil), answer(206, range: "bytes */200"),
        answer(206, etag: "\"v2\"", range: "bytes 100-199/200"),
        answer(206, range: "bytes 100-199/200", coding: "gzip"),
        answer(206, range: "bytes 100-199/200", url: "http://h/other.pdf"),
        answer(206, range: "bytes 100-9223372036854775807/*"),
    ])
    func aPartOfSomethingElseIsNotTaken(part: FetchResponse) {
        var state = Self.broken()
        _ = state.nextRequest()
        #expect(state.began(part) == .startOver)
        #expect(state.received == 0 && state.head == nil)
        #expect(state.nextRequest().isEmpty)
    }

    @Test func aSignedURLMayHaveAnotherQuery() {
        var state = Self.broken(after: 10, Self.answer(url: Self.url + "?sig=1"))
        _ = state.nextRequest()
        let part = Self.answer(206, range: "bytes 10-19/20", url: Self.url + "?sig=2")
        #expect(state.began(part) == .continues)
    }

    @Test func aPageThatHasChangedComesWhole() {
        var state = Self.broken()
        _ = state.nextRequest()
        #expect(state.began(Self.answer(200, etag: "\"v2\"")) == .begins)
        #expect(state.received == 0 && state.head?.etag == "\"v2\"")
    }

    @Test func aShorterPartIsFollowedByTheNext() {
        var state = Self.broken()
        _ = state.nextRequest()
        _ = state.began(Self.answer(206, range: "bytes 100-149/200"))
        _ = state.took(50)
        #expect(state.ended(Self.answer(206)) == .again)
        #expect(state.nextRequest().first?.value == "bytes=150-")
    }

    @Test func aPartThatDoesNotKeepItsPromiseIsLost() {
        var state = Self.broken()
        _ = state.nextRequest()
        _ = state.began(Self.answer(206, range: "bytes 100-149/200"))
        _ = state.took(49)
        guard case .fails(.connectionLost, _) = state.ended(Self.answer(206)) else {
            Issue.record("taken for whole")
            return
        }
        #expect(state.took(2) == .startOver)
    }

    @Test(
        arguments: [("bytes */100", .whole), ("bytes */90", .again), (nil, .again)]
            as [(String?, PageSavingState.Ending)])
    func aRangeBehindTheEndMayMeanThatAllIsThere(field: String?, ending: PageSavingState.Ending) {
        var state = Self.broken()
        _ = state.nextRequest()
        #expect(state.ended(Self.answer(416, range: field)) == ending)
        #expect(state.nextRequest().isEmpty == (ending == .again))
    }

    @Test(arguments: [
        answer(416, etag: "\"v2\"", range: "bytes */100"),
        answer(416, etag: "W/\"v1\"", range: "bytes */100"),
        answer(416, range: "bytes */100", url: "http://h/other.pdf"),
        answer(416, range: "bytes */100", coding: "gzip"),
    ])
    func anotherStateOfTheSameLengthIsNotTakenForWhatIsThere(refusal: FetchResponse) {
        var state = Self.broken()
        _ = state.nextRequest()
        #expect(state.ended(refusal) == .again)
        #expect(state.received == 0 && state.head == nil)
        #expect(state.nextRequest().isEmpty)
    }

    /// A server that answers an error page need not say what it is about.
    @Test func aRangeBehindTheEndNeedsNoTag() {
        var state = Self.broken()
        _ = state.nextRequest()
        #expect(state.ended(Self.answer(416, etag: nil, range: "bytes */100")) == .whole)
    }

    @Test func withoutRangeNoPartAndNo416IsTaken() {
        var state = PageSavingState(maxBytes: 1000, mayResume: true)
        _ = state.nextRequest()
        #expect(
            state.began(Self.answer(206, range: "bytes 0-9/20"))
                == .fails(.http(206), "a part was sent, and the whole was asked for"))
        #expect(state.ended(Self.answer(416, range: "bytes */0")) == .refused)
        #expect(state.ended(Self.answer(404)) == .refused)
    }

    // MARK: Heads

    @Test func aHeadKeepsNoFieldThatIsTooLong() {
        for (tooMuch, isKept) in [(0, true), (1, false)] {
            let type = "text/" + String(repeating: "x", count: 250 + tooMuch)
            let disposition = "attachment; " + String(repeating: "é", count: 2042) + (tooMuch > 0 ? "y" : "")
            let state = Self.broken(Self.answer(type: type, disposition: disposition))
            #expect(state.head?.contentType == (isKept ? type : nil))
            #expect(state.head?.disposition == (isKept ? disposition : nil))
        }
    }

    @Test(arguments: [206, 416])
    func aFileIsItsFirstAnswer(lastStatus: Int) throws {
        let first = Self.answer(etag: Self.tag, url: Self.url + "?1")
        let head = try #require(Self.broken(first).head)
        let file = SavedFile(head: head, bytes: 300, sha256: [], content: .upload(1))
        var last = Self.answer(
            lastStatus, etag: nil, modified: "Sun, 06 Nov 1994 08:49:37 GMT", url: Self.url + "?2",
            type: "text/html")
        last.body = [1, 2]
        let answer = file.answer(endingWith: last)
        #expect(answer.status == 200 && answer.finalURL == first.finalURL)
        #expect(
            answer.contentType == "application/pdf" && answer.etag == Self.tag && answer.lastModified == nil)
        #expect(answer.body.isEmpty && answer.streamedBytes == 300)
    }

    /// Its time need not be strong to ask by it whether the page has changed.
    @Test func aFileOfOneAnswerKeepsItsFields() throws {
        let only = Self.answer(etag: nil, modified: "Sun, 06 Nov 1994 08:49:37 GMT")
        let head = try #require(Self.broken(only).head)
        let answer = SavedFile(head: head, bytes: 300, sha256: [], content: .upload(1)).answer(
            endingWith: only)
        #expect(head.lastModified == nil && answer.lastModified == only.lastModified)
    }

    // MARK: Limits

    @Test func aLongBodyIsTooLargeBeforeItComes() {
        for (answer, expected) in [
            (Self.answer(length: 1001), true), (Self.answer(length: 1000), false),
            // Coded, its length says nothing of what comes out.
            (Self.answer(length: 1001, coding: "gzip"), false),
        ] {
            var state = PageSavingState(maxBytes: 1000, mayResume: true)
            _ = state.nextRequest()
            let verdict = state.began(answer)
            if expected { #expect(verdict.isTooLarge) } else { #expect(verdict == .begins) }
        }
    }

    @Test func everyByteCounts() {
        var state = Self.broken(after: 1000)
        #expect(state.received == 1000)
        #expect(state.took(1)?.isTooLarge == true)
    }

    @Test func aRestIsTooLargeByTheLengthOfTheWhole() {
        var state = Self.broken()
        _ = state.nextRequest()
        #expect(state.began(Self.answer(206, range: "bytes 100-1000/1001")).isTooLarge)
    }
}

extension PageSavingState.Verdict {
    fileprivate var isTooLarge: Bool {
        if case .fails(.tooLarge, _) = self { true } else { false }
    }
}
