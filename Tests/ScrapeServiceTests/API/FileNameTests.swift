import Testing

@testable import ScrapeService

/// What strangers propose as a name, and what becomes of it.
@Suite struct FileNameTests {
    struct Case: Sendable {
        var url = "http://h/from-url.bin"
        var disposition: String?
        var name: String

        init(url: String, _ name: String) { (self.url, self.name) = (url, name) }
        init(_ disposition: String, _ name: String) { (self.disposition, self.name) = (disposition, name) }
    }

    static let urls = [
        Case(url: "http://h/data/nl.gif", "nl.gif"),
        Case(url: "http://h/data/nl.gif?v=1/2#x/y", "nl.gif"),
        Case(url: "http://h/data/", "data"),
        Case(url: "http://h/", "file"),
        Case(url: "http://h", "file"),
        Case(url: "http://h?a/b", "file"),
        Case(url: "", "file"),
        Case(url: "http://h/a%20b.pdf", "a b.pdf"),
        Case(url: "http://h/%E2%82%AC%20rates.pdf", "€ rates.pdf"),
        Case(url: "http://h/%ff%fe.bin", "__.bin"),
        Case(url: "http://h/100%.txt", "100%.txt"),
        Case(url: "http://h/a%2", "a%2"),
        // Escaped separators are separators.
        Case(url: "http://h/x%2F..%2F..%2Fetc%2Fpasswd", "passwd"),
        Case(url: "http://h/x%5C..%5Cwin.ini", "win.ini"),
        Case(url: "http://h/%2e%2e", "file"),
        Case(url: "http://h/a%00b.txt", "a_b.txt"),
        Case(url: "http://h/a%0d%0aSet-Cookie:%20x=1", "a__Set-Cookie_ x=1"),
    ]

    static let dispositions = [
        Case("attachment", "from-url.bin"),
        Case("attachment; filename=plain.txt", "plain.txt"),
        Case("inline;FileName = \"two words.txt\" ; x=y", "two words.txt"),
        Case("attachment; filename=\"a\\\"b.txt\"", "a_b.txt"),
        Case("attachment; filename=\"semi;colon.txt\"", "semi;colon.txt"),
        Case("attachment; filename=\"unterminated", "unterminated"),
        Case("attachment; filename=\"ends in a backslash\\", "ends in a backslash"),
        Case("attachment; filename=\"\"", "from-url.bin"),
        Case("attachment; filename", "from-url.bin"),
        Case("attachment;;;", "from-url.bin"),
        Case("", "from-url.bin"),
        // The extended form wins, whichever stands first.
        Case("attachment; filename=plain.txt; filename*=UTF-8''%e2%82%ac.txt", "€.txt"),
        Case("attachment; filename*=utf-8'nl'%e2%82%ac.txt; filename=plain.txt", "€.txt"),
        Case("attachment; filename*=iso-8859-1''na%efve.txt", "naïve.txt"),
        Case("attachment; filename*=koi8-r''%c1.txt; filename=plain.txt", "plain.txt"),
        Case("attachment; filename*=nonsense; filename=plain.txt", "plain.txt"),
        Case("attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        // Folders, hidden files, devices.
        Case("attachment; filename=\"../../etc/passwd\"", "passwd"),
        Case("attachment; filename=\"..\"", "from-url.bin"),
        Case("attachment; filename=\"a/..\"", "from-url.bin"),
        Case("attachment; filename=\"/\"", "from-url.bin"),
        Case("attachment; filename=\"C:\\\\dir\\\\evil.exe\"", "evil.exe"),
        Case("attachment; filename=\".htaccess\"", "htaccess"),
        Case("attachment; filename=\"name. . .\"", "name"),
        Case("attachment; filename=\"CON.txt\"", "_CON.txt"),
        Case("attachment; filename=\"lpt1\"", "_lpt1"),
        Case("attachment; filename=\"console.log\"", "console.log"),
        Case("attachment; filename=\"a<b>c:d|e?f*g.txt\"", "a_b_c_d_e_f_g.txt"),
        // Controls, what is invisible, what turns the direction: txt.exe would look like exe.txt.
        Case("attachment; filename=\"a\r\nX: y\"", "a__X_ y"),
        Case("attachment; filename=\"a\u{0}b\"", "a_b"),
        Case("attachment; filename=\"a\u{7F}b\u{85}c\"", "a_b_c"),
        Case("attachment; filename=\"invoice\u{202E}txt.exe\"", "invoice_txt.exe"),
        Case("attachment; filename=\"a\u{200B}\u{2066}b\u{FEFF}\"", "a__b_"),
        Case("attachment; filename=\"a\u{2028}b\u{2029}c\"", "a_b_c"),
        Case("attachment; filename=\"a\u{A0}b\u{3000}c\"", "a b c"),
        Case("attachment; filename=\"日本語.pdf\"", "日本語.pdf"),
    ]

    @Test(arguments: urls) func aURLGivesItsLastSegment(_ example: Case) {
        #expect(FileName(url: example.url, disposition: nil).text == example.name)
    }

    @Test(arguments: dispositions) func aDispositionGivesWhatIsSafeOfIt(_ example: Case) {
        #expect(FileName(url: example.url, disposition: example.disposition).text == example.name)
    }

    @Test func aLongNameKeepsItsExtension() {
        for letter in ["a", "é", "漢", "😀"] {
            let long = String(repeating: letter, count: 5000)
            let name = FileName(url: "", disposition: "attachment; filename=\"\(long).tar.gz\"").text
            #expect(name.utf8.count <= 200 && name.utf8.count > 190)
            #expect(name.hasSuffix(".gz") && name.hasPrefix(letter))
        }
        let noExtension = "x." + String(repeating: "y", count: 5000)
        let name = FileName(url: "", disposition: "attachment; filename=\"\(noExtension)\"").text
        #expect(name.utf8.count == 200 && name.hasPrefix("x.yyy"))
        // One letter with ten thousand accents is still cut.
        let accents = "e" + String(repeating: "\u{301}", count: 10_000)
        #expect(FileName(url: "", disposition: "attachment; filename=\"\(accents)\"").text.utf8.count <= 200)
    }

    @Test func theFieldNeverHoldsWhatEndsIt() throws {
        let scalars = (0..<0x3000).compactMap { Unicode.Scalar($0) }
        for scalar in scalars {
            let value = FileName(url: "", disposition: "attachment; filename*=UTF-8''a\(scalar)b.txt")
                .attachment
            #expect(value.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "\(scalar.value)")
            let quotes = value.utf8.indices.filter { value.utf8[$0] == UInt8(ascii: "\"") }
            #expect(quotes.count == 2, "\(scalar.value): \(value)")
            let quoted = value[quotes[0]..<quotes[1]].dropFirst()
            #expect(!quoted.contains("\\") && !quoted.contains("/") && !quoted.contains("%"))
            #expect(value[quotes[1]...].hasPrefix("\"; filename*=UTF-8''"))
        }
    }

    @Test(arguments: [
        ("nl.gif", "attachment; filename=\"nl.gif\"; filename*=UTF-8''nl.gif"),
        ("two words.txt", "attachment; filename=\"two words.txt\"; filename*=UTF-8''two%20words.txt"),
        ("€ 5.txt", "attachment; filename=\"_ 5.txt\"; filename*=UTF-8''%E2%82%AC%205.txt"),
        ("50%41.txt", "attachment; filename=\"50_41.txt\"; filename*=UTF-8''50%2541.txt"),
        ("it's (1);.txt", "attachment; filename=\"it's (1);.txt\"; filename*=UTF-8''it%27s%20%281%29%3B.txt"),
    ])
    func theFieldSaysItTwice(_ name: String, _ field: String) {
        #expect(FileName(url: "", disposition: "attachment; filename=\"\(name)\"").attachment == field)
    }
}
