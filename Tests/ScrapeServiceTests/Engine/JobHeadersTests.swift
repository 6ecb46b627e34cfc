import Testing

@testable import ScrapeService

@Suite struct JobHeadersTests {
    private func headers(_ start: [URLTemplate]) -> JobHeaders {
        var spec = JobSpec(
            name: nil, start: start.map { StartEntry(template: $0, kind: "page") },
            pages: [PageKind(name: "page")])
        spec.fetch.headers = [
            HeaderField(name: "Accept-Language", value: "nl"),
            HeaderField(name: "authorization", value: "Bearer x"),
            HeaderField(name: "Cookie", value: "a=b"),
        ]
        return JobHeaders(spec, CurlURLs())
    }

    private func names(_ headers: JobHeaders, _ url: String, depth: Int) -> [String] {
        let page = QueuedPage(id: 1, kind: "page", url: WebURL(canonical: url), depth: depth, attempt: 0)
        return headers.fields(for: page).map(\.name)
    }

    @Test func credentialsGoToTheOriginsThatTheJobNames() {
        let variable = URLTemplate.Variable(name: "n", values: .integers(from: 1, to: 3, step: 1))
        let headers = headers([
            URLTemplate(literals: ["http://site.test/a"], variables: []),
            URLTemplate(literals: ["https://pages.test/", ""], variables: [variable]),
        ])
        let all = ["Accept-Language", "authorization", "Cookie"]
        #expect(names(headers, "http://site.test/b", depth: 1) == all)
        #expect(names(headers, "https://pages.test/7/x", depth: 2) == all)
        for other in ["http://other.test/", "https://site.test/b", "http://site.test:8080/b"] {
            #expect(names(headers, other, depth: 1) == ["Accept-Language"], "\(other)")
        }
        #expect(names(headers, "http://other.test/", depth: 0) == all, "a start page is the author's own")
    }

    @Test func aHostThatIsAVariableIsTrustedForItsStartPagesOnly() {
        let variable = URLTemplate.Variable(name: "h", values: .list(["a.test", "b.test"]))
        let headers = headers([URLTemplate(literals: ["http://", "/"], variables: [variable])])
        #expect(names(headers, "http://a.test/", depth: 0).count == 3)
        #expect(names(headers, "http://a.test/x", depth: 1) == ["Accept-Language"])
        let partly = URLTemplate(literals: ["http://a", ".test/"], variables: [variable])
        #expect(names(self.headers([partly]), "http://a/", depth: 1) == ["Accept-Language"])
    }

    @Test func thePagesOwnRequestReplacesFieldsOfTheJob() {
        let headers = headers([URLTemplate(literals: ["http://site.test/"], variables: [])])
        func fields(_ url: String) -> [HeaderField] {
            var page = QueuedPage(id: 1, kind: "page", url: WebURL(canonical: url), depth: 1, attempt: 0)
            page.request = PageRequest(
                method: "POST",
                headers: [
                    HeaderField(name: "accept-language", value: "en"),
                    HeaderField(name: "Authorization", value: "Bearer y"),
                    HeaderField(name: "X-A", value: "1"),
                ])
            return headers.fields(for: page)
        }
        #expect(
            fields("http://site.test/x").map { "\($0.name): \($0.value)" } == [
                "Cookie: a=b", "accept-language: en", "Authorization: Bearer y", "X-A: 1",
            ])
        #expect(
            fields("http://other.test/").map(\.name) == ["accept-language"],
            "a page's request tells another server no secret either")
    }

    /// A key may have any name.
    @Test(arguments: [
        ("X-Api-Key", true), ("Api-Key", true), ("X-Auth-Token", true), ("PRIVATE-TOKEN", true),
        ("Proxy-Authorization", true), ("X-CSRF-Token", true), ("Host", true), ("Origin", true),
        ("X-Forwarded-For", true), ("Anything", true),
        ("ACCEPT", false), ("Accept-Language", false), ("Cache-Control", false), ("DNT", false),
        ("If-None-Match", false), ("Range", false), ("Referer", false), ("Content-Type", false),
        ("X-Requested-With", false), ("User-Agent", false),
    ])
    func whatIsNotKnownToBeHarmlessIsASecret(_ name: String, _ isSecret: Bool) {
        var spec = JobSpec(
            name: nil,
            start: [
                StartEntry(
                    template: URLTemplate(literals: ["http://site.test/"], variables: []), kind: "page")
            ],
            pages: [PageKind(name: "page")])
        spec.fetch.headers = [HeaderField(name: name, value: "x")]
        let headers = JobHeaders(spec, CurlURLs())
        #expect(names(headers, "http://site.test/a", depth: 1) == [name])
        #expect(names(headers, "http://other.test/a", depth: 1) == (isSecret ? [] : [name]))
    }

    @Test func whereALinksTemplateLeadsIsTrusted() {
        var spec = JobSpec(name: nil, start: [], pages: [PageKind(name: "page")])
        var url = TextTemplate()
        url.append("https://api.test/x?cursor=")
        url.append(TextTemplate.Place(name: "link", encoding: .percent))
        let links = Selector(language: .json, source: "$.next")
        spec.pages[0].follow = [FollowRule(links: links, kind: "page", url: url)]
        spec.fetch.headers = [HeaderField(name: "Authorization", value: "Bearer x")]
        let headers = JobHeaders(spec, CurlURLs())
        #expect(names(headers, "https://api.test/x?cursor=1", depth: 3) == ["Authorization"])
        #expect(names(headers, "https://api.test.evil.test/x", depth: 3) == [])
    }
}
