import Testing

@testable import ScrapeService

@Suite("The encoding of a page")
struct EncodingTests {
    private func read(_ body: [UInt8], _ type: String?) throws -> String {
        let text = try PageText(PageDocument(body: body, contentType: type))
        return String(decoding: text.bytes[text.start...], as: UTF8.self)
    }

    @Test(
        "HTTP's charset decides",
        arguments: [
            ("utf-8", [0xC3, 0xA9], "é"), ("UTF8", [0xC3, 0xA9], "é"), ("\"utf-8\"", [0xC3, 0xA9], "é"),
            ("iso-8859-1", [0xE9, 0x80], "é€"), ("latin1", [0xE9], "é"), ("us-ascii", [0x93], "“"),
            ("windows-1252", [0x80, 0x81, 0x9F], "€\u{81}Ÿ"), ("iso-8859-15", [0xA4], "€"),
            ("windows-1251", [0xEF], "п"),
            ("koi8-r", [0xD0], "п"), ("windows-1250", [0x9E], "ž"), ("gb2312", [0xD6, 0xD0], "中"),
            ("gbk", [0xD6, 0xD0], "中"), ("gb18030", [0x81, 0x30, 0x81, 0x30], "\u{80}"),
            ("big5", [0xA4, 0xA4], "中"),
            ("shift_jis", [0x83, 0x65], "テ"), ("sjis", [0x5C, 0x87, 0x40], "\\①"),
            ("euc-jp", [0xA5, 0xC6], "テ"),
            ("iso-2022-jp", [0x1B, 0x24, 0x42, 0x25, 0x46, 0x1B, 0x28, 0x42], "テ"),
            ("euc-kr", [0xB0, 0xA1], "가"),
            ("utf-16", [0x41, 0x00, 0x3D, 0xD8, 0x00, 0xDE], "A😀"), ("utf-16be", [0x00, 0x41], "A"),
        ] as [(String, [UInt8], String)])
    func http(charset: String, body: [UInt8], expected: String) throws {
        #expect(try read(body, "text/html; charset=\(charset)") == expected)
    }

    @Test(
        "what is malformed becomes U+FFFD",
        arguments: [
            ("utf-8", [0x61, 0xFF, 0x62], "a\u{FFFD}b"), ("utf-8", [0xE2, 0x82], "\u{FFFD}"),
            ("utf-8", [0xC0, 0x80], "\u{FFFD}\u{FFFD}"), ("utf-8", [0xF0, 0x9F, 0x98, 0x41], "\u{FFFD}A"),
            ("utf-16", [0x00, 0xD8, 0x41, 0x00], "\u{FFFD}A"), ("utf-16", [0x41, 0x00, 0x41], "A\u{FFFD}"),
            ("shift_jis", [0x61, 0x83], "a\u{FFFD}"), ("euc-jp", [0xFF, 0x61], "\u{FFFD}a"),
        ] as [(String, [UInt8], String)])
    func malformed(charset: String, body: [UInt8], expected: String) throws {
        #expect(try read(body, "text/html; charset=\(charset)") == expected)
    }

    @Test(
        "a byte order mark beats HTTP, and is no text",
        arguments: [
            ([0xEF, 0xBB, 0xBF, 0x41, 0xC3, 0xA9], "Aé"), ([0xFF, 0xFE, 0x41, 0x00], "A"),
            ([0xFE, 0xFF, 0x00, 0x41], "A"),
        ] as [([UInt8], String)])
    func mark(body: [UInt8], expected: String) throws {
        #expect(try read(body, "text/html; charset=shift_jis") == expected)
    }

    @Test(
        "the page's own words count where HTTP is silent or unknown",
        arguments: [
            "<meta charset=windows-1251>", "<META CHARSET = 'windows-1251' >",
            "<!-- <meta charset=utf-8> --><meta charset=cp1251>",
            "<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'>",
            "<head><title>x</title><meta name=a charset=\"cp1251\">",
            "<meta content=\"text/html;charset=windows-1251\" http-equiv=content-type>",
            "<?xml version='1.0' encoding='windows-1251'?>",
            "<a title='<meta charset=utf-8>'><meta charset=windows-1251>",
            "<title><meta charset=utf-8></title><meta charset=windows-1251>",
            "<?xml version='1.0' encoding='utf-8'?><meta charset=windows-1251>",
            String(repeating: " ", count: 1024) + "<meta charset=windows-1251>",
        ])
    func meta(head: String) throws {
        for type in [nil, "text/html", "text/html; charset=klingon"] {
            #expect(try read(Array(head.utf8) + [0xEF], type) == head + "п")
        }
    }

    @Test(
        "the page's words are not believed beyond 1024 bytes of body, outside meta, or about UTF-16",
        arguments: [
            "<p>" + String(repeating: " ", count: 1024) + "<meta charset=windows-1251>",
            "<p charset=windows-1251>",
            "<meta content='text/html; charset=windows-1251'>", "<meta charset=utf-16>",
            "<!--<meta charset=windows-1251>-->",
            "<meta charset=klingon>",
        ])
    func ignored(head: String) throws {
        #expect(try read(Array((head + "é").utf8), "text/html") == head + "é")
    }

    @Test("without any word it is UTF-8 where that fits, else windows-1252")
    func guess() throws {
        #expect(try read([0xC3, 0xA9], nil) == "é")
        #expect(try read([0x61, 0xE9], nil) == "aé")
        #expect(try read([], nil) == "")
    }

    @Test("what named the encoding is told")
    func sources() throws {
        func told(_ body: String, _ type: String?) throws -> String {
            try PageText(makePage(body, contentType: type)).encoding.description
        }
        #expect(try told("\u{FEFF}x", "text/html; charset=koi8-r") == "UTF-8 (bom)")
        #expect(try told("<meta charset=utf-8>", "text/html; charset=Sjis") == "Shift_JIS (http)")
        #expect(try told("<meta charset=sjis>", "text/html; charset='koi8-r'") == "Shift_JIS (meta)")
        #expect(try told("<?xml encoding='gb2312'?>", "text/xml") == "GBK (xml)")
        #expect(try told("é", "text/html") == "UTF-8 (detected)")
        #expect(try told("e", "text/html") == "windows-1252 (default)")
        #expect(try told("e", "application/xhtml+xml") == "UTF-8 (default)")
    }

    @Test("every encoding of the standard has a decoder on this system", arguments: TextEncoding.all)
    func decoders(encoding: TextEncoding) throws {
        let decoded = try TextDecoder.decode([0x41, 0x42], from: encoding)
        let expected: [String: String] = ["UTF-16LE": "䉁", "UTF-16BE": "䅂", "replacement": "\u{FFFD}"]
        #expect(String(decoding: decoded, as: UTF8.self) == expected[encoding.name] ?? "AB")
        #expect(TextEncoding(label: " \(encoding.name.uppercased())\n") == encoding)
        #expect(TextEncoding(label: "") == nil)
    }

    @Test("whatever the bytes, the text is UTF-8 without NUL, and takes long pieces")
    func anything() throws {
        var state: UInt64 = 7
        for charset in [
            "utf-8", "utf-16", "gb18030", "big5", "shift_jis", "euc-jp", "iso-2022-jp", "windows-1255",
        ] {
            let body = (0..<70_000).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 40)
            }
            let page = PageDocument(body: body, contentType: "text/html; charset=\(charset)")
            let text = HTMLInput(try PageText(page))
            #expect(!text.bytes.contains(0) && text.bytes.count > 30_000, "\(charset)")
            #expect(String(validating: text.bytes[text.start...], as: UTF8.self) != nil, "\(charset)")
        }
    }
}

@Suite("What is no text")
struct ContentSnifferTests {
    private static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0]

    @Test(
        "is refused by its type or its bytes",
        arguments: [
            ("image/png", Array("<p>x</p>".utf8)), ("application/pdf", []), ("IMAGE/JPEG; q=1", []),
            ("video/mp4", []),
            ("application/zip", []), ("font/woff2", []), ("application/octet-stream", [0, 1, 2, 3]),
            ("text/html", Array("%PDF-1.7\n".utf8)), ("text/plain", png), (nil, png),
            (nil, [0x1F, 0x8B, 0x08, 0]),
            (nil, Array("GIF89a".utf8)), ("nonsense", [0x00, 0x01]),
        ] as [(String?, [UInt8])])
    func refused(type: String?, body: [UInt8]) {
        let kind = makeKind(fields: [Field(name: "t", selector: css("p"))])
        #expect(throws: ExtractionError.notText) {
            try extract(kind, from: PageDocument(body: body, contentType: type))
        }
    }

    @Test(
        "text under any other type is read",
        arguments: [
            "text/html", "text/plain", "application/xhtml+xml", "application/octet-stream", nil, "",
            "nonsense",
            "application/json", "image/svg+xml", "x/y",
        ])
    func taken(type: String?) throws {
        #expect(try text(css("p"), in: makePage("<p>x</p>", contentType: type)) == "x")
    }
}
