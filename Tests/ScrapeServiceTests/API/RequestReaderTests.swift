import Testing

@testable import ScrapeService

/// What a job's requests may weigh, with what is filled in.
@Suite struct RequestReaderTests {
    private func pointers(start: String = #""http://h/""#, follow: String = "") -> [String] {
        let follow = follow.isEmpty ? "" : #","follow":[{"links":"$.a","as":"p",\#(follow)}]"#
        let text = #"{"start":\#(start),"pages":{"p":{"fields":{"t":"$.t"}\#(follow)}}}"#
        do throws(Problem) {
            _ = try JobReader(urls: CurlURLs(), compiler: PlanCompiler()).read(Array(text.utf8))
            return []
        } catch {
            return error.errors.map(\.pointer)
        }
    }

    private func start(_ values: String, _ more: String, url: String = "http://h/") -> String {
        #"[{"url":"\#(url)","variables":{"v":{"values":[\#(values)]}},\#(more)}]"#
    }

    private func text(_ count: Int, of piece: String = "x") -> String {
        String(repeating: piece, count: count)
    }

    @Test func aBodyIsMeasuredFilledIn() {
        let long = "\"\(text(8_000))\""
        #expect(pointers(start: start(#""1""#, #""body":"\#(text(1_000, of: "{v}"))""#)) == [])
        #expect(pointers(start: start(long, #""body":"\#(text(8, of: "{v}"))""#)) == [])
        #expect(pointers(start: start(long, #""body":"\#(text(9, of: "{v}"))""#)) == ["/start/0/body"])
        #expect(pointers(start: start(long, #""body":"\#(text(20_000, of: "{v}"))""#)) == ["/start/0/body"])
        #expect(pointers(follow: #""body":"\#(text(8, of: "{link}"))""#) == [])
        #expect(pointers(follow: #""body":"\#(text(9, of: "{link}"))""#) == ["/pages/p/follow/0/body"])
    }

    @Test func headersAreMeasuredFilledIn() {
        let value = "\"\(text(4_000))\""
        #expect(pointers(start: start(value, #""headers":{"X":"{v}{v}"}"#)) == [])
        #expect(pointers(start: start(value, #""headers":{"X":"{v}{v}."}"#)) == ["/start/0/headers/X"])
        let five = (0..<5).map { #""X\#($0)":"{v}{v}""# }.joined(separator: ",")
        #expect(pointers(start: start(value, #""headers":{\#(five)}"#)) == ["/start/0/headers"])
        #expect(pointers(follow: #""headers":{"X":"{link}","Y":"Bearer {link}"}"#) == [])
        #expect(
            pointers(follow: #""headers":{"X":"\#(text(5, of: "{link}"))"}"#) == ["/pages/p/follow/0/headers"]
        )
    }

    @Test func headerFieldsAreCounted() {
        func fields(_ count: Int) -> String {
            #""headers":{\#((0..<count).map { #""X\#($0)":"1""# }.joined(separator: ","))}"#
        }
        #expect(pointers(follow: fields(64)) == [])
        #expect(pointers(follow: fields(65)) == ["/pages/p/follow/0/headers"])
        #expect(pointers(start: #"[{"url":"http://h/",\#(fields(65))}]"#) == ["/start/0/headers"])
    }

    @Test func aURLIsMeasuredFilledIn() {
        let value = "\"\(text(4_000))\""
        #expect(pointers(start: start(value, #""as":"p""#, url: "http://h/{v}")) == [])
        #expect(pointers(start: start(value, #""as":"p""#, url: "http://h/{v}{v}")) == ["/start/0/url"])
        #expect(pointers(follow: #""url":"http://h/\#(text(4, of: "{link}"))""#) == [])
        #expect(
            pointers(follow: #""url":"http://h/\#(text(1_300, of: "{link}"))""#) == ["/pages/p/follow/0/url"])
    }

    @Test func theRequestsOfAllStartPagesAreMeasured() {
        func start(_ more: String) -> String {
            #"[{"url":"http://h/{n}","variables":{"n":{"from":1,"to":1000000}},\#(more)}]"#
        }
        #expect(pointers(start: start(#""headers":{"X":"\#(text(200))"}"#)) == [])
        #expect(pointers(start: start(#""headers":{"X":"\#(text(300))"}"#)) == ["/start"])
        #expect(pointers(start: start(#""body":"\#(text(50, of: "{n}"))""#)) == ["/start"])
    }
}
