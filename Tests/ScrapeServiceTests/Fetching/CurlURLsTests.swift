import Testing

@testable import ScrapeService

@Suite struct CurlURLsTests {
    private let urls = CurlURLs()

    @Test(arguments: [
        ("http://h", "http://h/"), ("HTTP://EXAMPLE.com/A", "http://example.com/A"),
        ("https://h:443/", "https://h/"), ("http://h:80", "http://h/"), ("http://h:0080/", "http://h/"),
        ("https://h:80/", "https://h:80/"), ("http://h:/x", "http://h/x"), ("http://h/#f", "http://h/"),
        ("http://h?q", "http://h/?q"), ("http://h/?", "http://h/?"), ("http://h/a/./b/../c", "http://h/a/c"),
        ("http://h/../../a", "http://h/a"), ("http://h/a/..", "http://h/"), ("http://h/a/.", "http://h/a/"),
        ("http://h/a//b", "http://h/a//b"), ("http://h/a//../b", "http://h/a/b"),
        ("http://h/%7euser", "http://h/~user"), ("http://h/%41%2d%2e", "http://h/A-."),
        ("http://h/%c3%a9", "http://h/%C3%A9"), ("http://h/%2f", "http://h/%2F"),
        ("http://h/%zz", "http://h/%25zz"),
        ("http://h/100%", "http://h/100%25"), ("http://h/%%34%31", "http://h/%2541"),
        ("http://h/a/%2e%2E/b", "http://h/b"), ("http://h/a/.%2e/b", "http://h/b"),
        ("http://h/...", "http://h/..."),
        ("http://h/a/%2e", "http://h/a/"), ("http://h/é ü", "http://h/%C3%A9%20%C3%BC"),
        ("http://h/?q=é ü'<>\"", "http://h/?q=%C3%A9%20%C3%BC%27%3C%3E%22"),
        ("http://h/`{}^\"<>|[]", "http://h/%60%7B%7D%5E%22%3C%3E|[]"),
        ("http://h/?a={`}|", "http://h/?a={`}|"),
        ("http://h/?a/../b", "http://h/?a/../b"), ("http://h/?%7e%c3", "http://h/?~%C3"),
        ("  http://h/a \n", "http://h/a"), ("ht\ntp://h/a\tb", "http://h/ab"),
        ("\u{1}http://h/\u{1f}", "http://h/"),
        ("http://h/\u{0}\u{7f}", "http://h/%00%7F"), ("http:\\\\h\\a\\b?c\\d", "http://h/a/b?c\\d"),
        ("http:h/a", "http://h/a"), ("http:///h/a", "http://h/a"), ("http:/h/a", "http://h/a"),
        ("http://u:p@h/", "http://u:p@h/"), ("http://u@h:81/", "http://u@h:81/"), ("http://@h/", "http://h/"),
        ("http://u:p@x@h/", "http://u:p%40x@h/"), ("http://é:%70@h/", "http://%C3%A9:p@h/"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://BÜCHER.example:80/", "http://xn--bcher-kva.example/"),
        ("http://b%C3%BCcher.example/", "http://xn--bcher-kva.example/"), ("http://h%41x/", "http://hax/"),
        ("http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"),
        ("http://h_x.y./", "http://h_x.y./"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/"), ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://127.0.0.1./", "http://127.0.0.1/"), ("http://127.0.0.1../", "http://127.0.0.1../"),
        ("http://1.2.3.4.5./", "http://1.2.3.4.5./"), ("http://../", "http://../"),
        ("http://１２７.1/", "http://127.0.0.1/"), ("http://%31.1/", "http://1.0.0.1/"),
        ("http://2130706433/", "http://127.0.0.1/"), ("http://0177.0.0.1/", "http://127.0.0.1/"),
        ("http://[::1]:80/", "http://[::1]/"),
        ("http://[2001:0DB8:0:0::0001]:81/", "http://[2001:db8::1]:81/"),
        ("http://h/a;b=c,d&e=$!*'()+@:", "http://h/a;b=c,d&e=$!*'()+@:"),
    ])
    func aURLIsWrittenInItsCanonicalForm(text: String, canonical: String) throws {
        let url = try #require(urls.parse(text))
        #expect(url.text == canonical)
        #expect(urls.parse(canonical) == url)
    }

    @Test(arguments: [
        "", " ", "h", "/a", "//h/a", "?q", "#f", "http:", "http://", "http:///", "http://?q", "http://#f",
        "http://:80/", "http://u@/", "ftp://h/", "file:///etc/passwd", "javascript:alert(1)",
        "data:text/html,x",
        "mailto:a@b", "ws://h/", "httpx://h/", "http//h", "1http://h/", "http://h:0/", "http://h:65536/",
        "http://h:x/", "http://h:-1/", "http://h:80:80/", "http://a b/", "http://a<b/", "http://a%00b/",
        "http://a%2fb/", "http://a%20b/", "http://[::1/", "http://[::g]/", "http://::1/",
        "http://[fe80::1%25eth0]/",
        "http://[1.2.3.4]/", "http://h%zz/", "http://a^b/", "http://a|b/", "://h/", "http://\u{ff0f}/",
    ])
    func whatIsNoAbsoluteWebURLIsNil(text: String) {
        #expect(urls.parse(text) == nil)
    }

    @Test func aURLThatIsTooLongIsNil() {
        let room = CurlURLs.maxURLBytes - "http://h/".utf8.count
        #expect(urls.parse("http://h/" + String(repeating: "a", count: room)) != nil)
        #expect(urls.parse("http://h/" + String(repeating: "a", count: room + 1)) == nil)
        #expect(urls.parse("http://h/" + String(repeating: "é", count: room / 2)) == nil)
    }

    @Test func anyBytesAreReadWithoutACrashAndCanonicalFormsAreStable() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("http://:/?#[]@!%2eE.\\ \t\nàé:80..//a".unicodeScalars)
        for _ in 0..<20_000 {
            var text = "http://h"
            for _ in 0..<Int.random(in: 0..<24, using: &random) {
                text.unicodeScalars.append(alphabet.randomElement(using: &random)!)
            }
            guard let url = urls.parse(text) else { continue }
            #expect(urls.parse(url.text) == url, "\(text.debugDescription)")
            #expect(url.text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }, "\(text.debugDescription)")
        }
    }
}

@Suite struct URLResolverTests {
    private let urls = CurlURLs()

    /// RFC 3986 §5.4, normal and abnormal examples. Where browsers differ from the RFC, what browsers do: fragments
    /// are dropped, "g:h" is no web URL, "http:g" is relative (§5.4.2 allows it).
    @Test(
        arguments: [
            ("g:h", nil), ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"), ("//g", "http://g/"), ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"), ("g#s", "http://a/b/c/g"), ("g?y#s", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"), ("g;x", "http://a/b/c/g;x"), ("g;x?y#s", "http://a/b/c/g;x?y"),
            ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"), ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../", "http://a/b/"), ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../", "http://a/"),
            ("../../g", "http://a/g"), ("../../../g", "http://a/g"), ("../../../../g", "http://a/g"),
            ("/./g", "http://a/g"), ("/../g", "http://a/g"), ("g.", "http://a/b/c/g."),
            (".g", "http://a/b/c/.g"),
            ("g..", "http://a/b/c/g.."), ("..g", "http://a/b/c/..g"), ("./../g", "http://a/b/g"),
            ("./g/.", "http://a/b/c/g/"), ("g/./h", "http://a/b/c/g/h"), ("g/../h", "http://a/b/c/h"),
            ("g;x=1/./y", "http://a/b/c/g;x=1/y"), ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/./x", "http://a/b/c/g?y/./x"),
            ("g?y/../x", "http://a/b/c/g?y/../x"), ("g#s/./x", "http://a/b/c/g"),
            ("g#s/../x", "http://a/b/c/g"),
            ("http:g", "http://a/b/c/g"),
        ] as [(String, String?)])
    func referencesResolveAsTheRFCHasIt(reference: String, result: String?) {
        #expect(urls.resolve([reference], against: "http://a/b/c/d;p?q").first??.text == result)
    }

    @Test(
        arguments: [
            ("  g  ", "https://a:8443/b/g"), ("\tg\nh", "https://a:8443/b/gh"), ("\\g", "https://a:8443/g"),
            ("\\\\g\\h", "https://g/h"), ("///g", "https://g/"), ("/\\g", "https://g/"),
            ("http:g", "http://g/"),
            ("https:g", "https://a:8443/b/g"), ("https:/g", "https://a:8443/g"),
            ("HTTPS://G:443/", "https://g/"),
            ("javascript:void(0)", nil), ("mailto:x@y", nil), ("data:,x", nil), ("tel:+31", nil),
            ("about:blank", nil),
            ("a:b", nil), ("./a:b", "https://a:8443/b/a:b"), ("?", "https://a:8443/b/c?"),
            ("#", "https://a:8443/b/c?d"),
            ("é?é", "https://a:8443/b/%C3%A9?%C3%A9"), ("//", nil), ("//g:99999/", nil),
            ("%2e%2e/g", "https://a:8443/g"),
            ("https://a:8443", "https://a:8443/"), ("//a:8443?x", "https://a:8443/?x"),
            ("1:2", "https://a:8443/b/1:2"),
        ] as [(String, String?)])
    func referencesResolveAsBrowsersHaveIt(reference: String, result: String?) {
        #expect(urls.resolve([reference], against: "https://A:8443/b/c?d#e").first??.text == result)
    }

    @Test func credentialsOfTheBaseStayWithItsOrigin() {
        let resolved = urls.resolve(["/x", "//h/x", "http://other/x"], against: "http://u:p@h/")
        #expect(resolved.map { $0?.text } == ["http://u:p@h/x", "http://h/x", "http://other/x"])
    }

    @Test func withoutABaseOnlyAbsoluteReferencesResolve() {
        let resolved = urls.resolve(["/x", "http://h/x", "x", ""], against: "no base")
        #expect(resolved.map { $0?.text } == [nil, "http://h/x", nil, nil])
    }

    @Test func everyReferenceHasItsResultInOrder() {
        let references = (0..<300).map { "http://h\($0 % 7)/\($0)" }
        #expect(urls.resolve(references, against: "http://h/").map { $0?.text } == references)
    }
}
