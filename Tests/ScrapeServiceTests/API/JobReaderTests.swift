import HTTPTypes
import Testing

@testable import ScrapeService

/// The job of the contract, as JSON, with pieces to replace.
private func job(start: String? = nil, pages: String? = nil, more: String = "") -> String {
    let start =
        start
        ?? #"[{"url":"http://h/z?p={page}","variables":{"page":{"from":1,"to":150}},"as":"listing"}]"#
    let pages =
        pages
        ?? #"{"listing":{"follow":[{"links":"article::attr(data-url)","as":"advert"}]},"#
        + #""advert":{"each":"div#d","fields":{"text":"."}}}"#
    return #"{"name":"motoren","start":\#(start),"pages":\#(pages)\#(more)}"#
}

private func read(_ text: String) throws -> JobSpec {
    try JobReader(urls: CurlURLs(), compiler: PlanCompiler()).read(Array(text.utf8))
}

private func pointers(_ text: String) -> [String] {
    do {
        _ = try read(text)
        return []
    } catch let problem as Problem {
        return problem.errors.map(\.pointer)
    } catch {
        return ["\(error)"]
    }
}

@Suite struct JobReaderTests {
    @Test func aKindMaySaveItsPages() throws {
        let flags = #"{"flag":{"save":true}}"#
        let start = #"["http://h/flag.gif"]"#
        let spec = try read(job(start: start, pages: flags))
        #expect(spec.pages[0].save)
        #expect(spec.limits.maxFileBytes == 1 << 30 && spec.fetch.fileTimeoutSeconds == nil)
        let more = #","limits":{"max_file_bytes":7},"fetch":{"timeout_seconds":5}"#
        let bounded = try read(job(start: start, pages: flags, more: more))
        #expect(bounded.limits.maxFileBytes == 7 && bounded.fetch.fileTimeoutSeconds == 5)
        let patient = #","fetch":{"timeout_seconds":5,"file_timeout_seconds":900}"#
        let fetch = try read(job(start: start, pages: flags, more: patient)).fetch
        #expect(fetch.fileTimeoutSeconds == 900 && fetch.timeoutSeconds == 5)
    }

    @Test func theContractsJobIsReadWhole() throws {
        let more =
            #","fetch":{"concurrency":1000,"timeout_seconds":30,"retries":2},"limits":{"max_pages":100000}"#
        let spec = try read(job(more: more))
        #expect(spec.name == "motoren")
        #expect(StartPages(entries: spec.start, urls: CurlURLs()).count == 150)
        #expect(spec.pages.map(\.name) == ["listing", "advert"])
        #expect(
            spec.pages[0].follow == [
                FollowRule(links: .init(language: .css, source: "article::attr(data-url)"), kind: "advert")
            ])
        #expect(spec.pages[1].fields == [Field(name: "text", selector: .init(language: .xpath, source: "."))])
        #expect(spec.fetch.concurrency == 1000)
        #expect(spec.limits.maxPages == 100_000)
        #expect(spec.politeness.perHostConcurrency == 8)
    }

    @Test func robotsIsObeyedUnlessAJobSaysOtherwise() throws {
        #expect(try read(job()).politeness.robots)
        #expect(try read(job(more: #","politeness":{"robots":true}"#)).politeness.robots)
        #expect(try read(job(more: #","politeness":{"robots":false}"#)).politeness.robots == false)
    }

    @Test func startMayBeAURLAListOrTemplates() throws {
        let one = #"{"p":{"fields":{"t":"h1"}}}"#
        #expect(try read(job(start: #""http://h/""#, pages: one)).start.count == 1)
        #expect(try read(job(start: #"["http://h/1","http://h/2"]"#, pages: one)).start.count == 2)
        #expect(try read(job(start: #"{"url":"http://h/"}"#, pages: one)).start[0].kind == "p")
    }

    @Test func fieldsKeepTheJobsOrder() throws {
        let spec = try read(
            job(start: #""http://h/""#, pages: #"{"p":{"fields":{"z":"a","a":"b","m":"c"}}}"#))
        #expect(spec.fieldNames == ["z", "a", "m"])
    }

    @Test func aSelectorObjectSaysWhichLanguageItIs() throws {
        let fields = #"{"a":{"css":"p","all":true},"b":{"xpath":"//p","keep_whitespace":true}}"#
        let spec = try read(job(start: #""http://h/""#, pages: #"{"p":{"fields":\#(fields)}}"#))
        #expect(spec.pages[0].fields[0].all)
        #expect(spec.pages[0].fields[1].keepWhitespace)
        #expect(spec.pages[0].fields[1].selector.language == .xpath)
    }

    @Test(arguments: [
        (job(more: #","nme":1"#), ["/nme"]),
        (job(more: #","fetch":{"concurency":3}"#), ["/fetch/concurency"]),
        (job(more: #","fetch":{"concurrency":0}"#), ["/fetch/concurrency"]),
        (job(more: #","fetch":{"concurrency":1001}"#), ["/fetch/concurrency"]),
        (job(more: #","fetch":{"concurrency":"3"}"#), ["/fetch/concurrency"]),
        (job(more: #","fetch":{"concurrency":1.5}"#), ["/fetch/concurrency"]),
        (
            job(more: #","fetch":{"timeout_seconds":0,"retries":-1}"#),
            ["/fetch/timeout_seconds", "/fetch/retries"]
        ),
        (
            job(more: #","fetch":{"headers":{"Host":"x","a b":"c","ok":"v\u000a"}}"#),
            ["/fetch/headers/Host", "/fetch/headers/a b", "/fetch/headers/ok"]
        ),
        (
            job(more: #","limits":{"max_pages":0,"max_file_bytes":0}"#),
            ["/limits/max_pages", "/limits/max_file_bytes"]
        ),
        (job(more: #","politeness":{"robots":"yes"}"#), ["/politeness/robots"]),
        (job(more: #","fetch":{"headers":{"user-agent":"x"}}"#), ["/fetch/headers/user-agent"]),
        (job(more: #","on_failure":"explode"}"#.replacing("}", with: "")), ["/on_failure"]),
        ("[]", [""]), ("3", [""]), ("{}", ["/pages", "/start"]),
        (#"{"start":"http://h/","pages":[]}"#, ["/pages"]),
        (#"{"start":"http://h/","pages":{}}"#, ["/pages"]),
        (#"{"start":"http://h/","pages":{"p":{}}}"#, ["/pages/p"]),
        (#"{"start":[],"pages":{"p":{"fields":{"t":"p"}}}}"#, ["/start"]),
        (#"{"start":"ftp://h/","pages":{"p":{"fields":{"t":"p"}}}}"#, ["/start"]),
        (#"{"start":["http://h/",7],"pages":{"p":{"fields":{"t":"p"}}}}"#, ["/start/1"]),
        (#"{"start":"http://h/","pages":{"p":{"fields":{"t":"p["}}}}"#, ["/pages/p/fields/t"]),
        (#"{"start":"http://h/","pages":{"p":{"fields":{"t":"//p["}}}}"#, ["/pages/p/fields/t"]),
        (#"{"start":"http://h/","pages":{"p":{"fields":{"t":"$.a["}}}}"#, ["/pages/p/fields/t"]),
        (#"{"start":"http://h/","pages":{"p":{"save":false}}}"#, ["/pages/p"]),
        (#"{"start":"http://h/","pages":{"p":{"fields":{"t":"p"},"save":1}}}"#, ["/pages/p/save"]),
        (job(more: #","fetch":{"file_timeout_seconds":86401}"#), ["/fetch/file_timeout_seconds"]),
        (job(more: #","limits":{"max_file_bytes":68719476737}"#), ["/limits/max_file_bytes"]),
        (#"{"start":"http://h/","pages":{"p":{"each":"p"}}}"#, ["/pages/p", "/pages/p/each"]),
        (#"{"start":"http://h/","pages":{"p/q~r":{"fields":{"t":3}}}}"#, ["/pages/p~1q~0r/fields/t"]),
        (
            #"{"start":"http://h/","pages":{"p":{"fields":{"t":{"css":"p","xpath":"//p"}}}}}"#,
            ["/pages/p/fields/t"]
        ),
        (
            #"{"start":"http://h/","pages":{"p":{"fields":{"t":{"css":"p","match":"(x"}}}}}"#,
            ["/pages/p/fields/t/match"]
        ),
        (
            #"{"start":"http://h/","pages":{"p":{"follow":[{"links":"a","as":"q"}]}}}"#,
            ["/pages/p/follow/0/as"]
        ),
        (#"{"start":"http://h/","pages":{"p":{"follow":[{"links":"a"}]}}}"#, ["/pages/p/follow/0/as"]),
        (#"{"start":"http://h/","pages":{"a":{"fields":{"t":"p"}},"b":{"fields":{"t":"p"}}}}"#, ["/start"]),
        (job(start: #"[{"url":"http://h/{x}","as":"listing"}]"#), ["/start/0/url"]),
        (
            job(start: #"[{"url":"http://h/","variables":{"x":{"from":1,"to":2}},"as":"listing"}]"#),
            ["/start/0/url"]
        ),
        (
            job(start: #"[{"url":"http://h/{x}","variables":{"x":{"from":2,"to":1}},"as":"listing"}]"#),
            ["/start/0/variables/x"]
        ),
        (
            job(start: #"[{"url":"http://h/{x}","variables":{"x":{"from":"a","to":"Z"}},"as":"listing"}]"#),
            ["/start/0/variables/x"]
        ),
        (
            job(
                start:
                    #"[{"url":"http://h/{x}","variables":{"x":{"from":1,"to":1000000000000}},"as":"listing"}]"#
            ), ["/start"]
        ),
        (
            job(start: #"[{"url":"http://{x}/","variables":{"x":{"values":["a","b c"]}},"as":"listing"}]"#),
            ["/start/0/url"]
        ),
        (
            job(start: #"[{"url":"http://h/{x}","variables":{"x":{"values":[]}},"as":"listing"}]"#),
            ["/start/0/variables/x/values"]
        ),
        (job(start: #"[{"url":"http://h/","as":"nothing"}]"#), ["/start/0/as"]),
        (
            job(
                start:
                    #"[{"url":"http://h/{x}","variables":{"x":{"from":0,"to":9223372036854775807}},"as":"listing"}]"#
            ), ["/start"]
        ),
        (
            job(
                start:
                    #"[{"url":"http://h:{x}/","variables":{"x":{"from":65530,"to":65540}},"as":"listing"}]"#),
            ["/start/0/url"]
        ),
        (
            #"{"start":"http://h/","pages":{"p":{"each":{"css":"p","all":true},"fields":{"t":"."}}}}"#,
            ["/pages/p/each"]
        ),
    ])
    func aMistakeIsToldWithItsPointer(_ text: String, _ expected: [String]) {
        #expect(pointers(text) == expected)
    }

    @Test func aNULInANameIsAMistake() {
        #expect(
            pointers(#"{"name":"a\u0000b","start":"http://h/","pages":{"p":{"fields":{"t":"p"}}}}"#) == [
                "/name"
            ])
        #expect(
            pointers(#"{"start":"http://h/","pages":{"p\u0000":{"fields":{"t":"p"}}}}"#) == ["/pages/p\0"])
    }

    @Test func manyMistakesAreToldUpToABound() {
        let pages = (0..<90).map { #""p\#($0)":{}"# }.joined(separator: ",")
        #expect(pointers(#"{"start":"http://h/","pages":{\#(pages)}}"#).count == Findings.maxPlaces)
    }

    @Test func whatIsNoJSONIsABadRequest() throws {
        let problem = try #require(throws: Problem.self) { try read(#"{"name":"\ud800"}"#) }
        #expect(problem.status == .badRequest)
        #expect(problem.code == "invalid_json")
    }
}
